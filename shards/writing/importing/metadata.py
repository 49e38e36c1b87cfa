"""The `.json` member of an imported sample: the schema of our own, as far as a table can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from captioning.records import FusionKind, Modality, Wording
from curation.base.ids import content_id, hash_id
from shards.format import METADATA_SCHEMA_VERSION, canonical_json
from shards.writing.importing.columns import Facts
from shards.writing.importing.media import CheckedMedia


@dataclass(frozen=True)
class ImportedFile:
    """A media file of a sample: what it is, and its bytes."""

    media: CheckedMedia
    sha256: str
    size_bytes: int


def imported_metadata(key: str, facts: Facts, files: Mapping[str, ImportedFile], dataset: str) -> str:
    """The text of the member. `files` are by extension, at least one.

    A caption stands under its modality, and the first one also as the fused text, of its kind (V, A or S),
    joined of one line and not checked (no claims, no support): readers and trainers take their text there.
    """
    by_kind = {file.media.kind: file for _, file in sorted(files.items(), reverse=True)}
    video, image, audio = (by_kind.get(kind) for kind in ("video", "image", "audio"))
    main = video or image or audio
    assert main is not None, "a sample has media"
    duration_s = main.media.duration_s
    captions = {each.value: _caption(facts, each.value, duration_s, dataset) for each in Modality}
    metadata: dict[str, Any] = {
        "schema_version": METADATA_SCHEMA_VERSION,
        "key": key,
        "source": _source(facts, main),
        "video": None if video is None else _video(video),
        "image": None if image is None else _image(image),
        "audio": None if audio is None else {**_file(audio), "duration_s": audio.media.duration_s},
        "forms": [],
        "captions": captions,
        "fused": _fused(captions, duration_s, dataset),
        "scores": {**dict.fromkeys((*captions, "support")), **facts.scores},
        "fields": facts.others,
    }
    return canonical_json(metadata)


def _source(facts: Facts, main: ImportedFile) -> dict[str, Any]:
    known = facts.source is not None
    return {
        "video_id": hash_id("imported", facts.source) if known else content_id(main.sha256),
        "id": facts.source,
        "stream": 0,
        "start_pts": None,
        "end_pts": None,
        "time_base": None,
        "start_s": facts.start_s,
        "end_s": facts.end_s,
        "duration_s": None,
        "licence": facts.licence,
        "title": facts.title,
    }


def _file(file: ImportedFile) -> dict[str, Any]:
    return {"extension": file.media.extension, "sha256": file.sha256, "size_bytes": file.size_bytes}


def _video(file: ImportedFile) -> dict[str, Any]:
    media = file.media
    return {
        **_image(file),
        "fps": media.fps,
        "num_frames": len(media.frame_times_s),
        "duration_s": media.duration_s,
        "frame_times_s": list(media.frame_times_s),
        "keyframes": list(media.keyframes),
    }


def _image(file: ImportedFile) -> dict[str, Any]:
    return {**_file(file), "width_px": file.media.width_px, "height_px": file.media.height_px}


def _caption(facts: Facts, modality: str, duration_s: float, dataset: str) -> dict[str, Any] | None:
    text = facts.captions.get(modality)
    if text is None:
        return None
    return {
        "text": text,
        "language": facts.language,
        "confidence": None,
        "segments": [{"start_s": 0.0, "end_s": duration_s, "text": text, "confidence": None}],
        "uncertain": [],
        "translation": None,
        "provenance": _provenance(dataset, duration_s),
    }


def _fused(captions: Mapping[str, Any], duration_s: float, dataset: str) -> list[dict[str, Any]]:
    for modality, caption in captions.items():
        if caption is not None:
            letter = modality[0].upper()
            line = {"line": f"{letter}1", "modality": modality, "start_s": 0.0, "end_s": duration_s}
            return [
                {
                    "kind": FusionKind(letter).value,
                    "text": caption["text"],
                    "lines": [{**line, "text": caption["text"], "confidence": None}],
                    "claims": [],
                    "wording": Wording.JOINED.value,
                    "support_rate": None,
                    "coverage": 1.0,
                    "omitted": [],
                    "provenance": _provenance(dataset, duration_s),
                }
            ]
    return []


def _provenance(dataset: str, duration_s: float) -> dict[str, Any]:
    """Nobody knows here how the text was made: it is told as imported, and from which dataset."""
    return {
        "model": "imported",
        "revision": dataset,
        "prompt": None,
        "prompt_sha256": None,
        "parameters": "{}",
        "input_spans": [{"start_s": 0.0, "end_s": duration_s}],
        "stage": "import",
        "stage_version": "1",
        "stage_key": "",
        "code_version": "",
    }

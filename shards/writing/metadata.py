"""The `.json` member of a sample: everything known of a clip but its pictures and sound.

It holds no path, host name or time of day: equal content gives equal bytes anywhere. Times are in
seconds; unless said otherwise they count from the start of the clip.

    schema_version   1
    key              the clip's id, the name of all its members
    source           video_id (hash of the source's content), duration_s, licence, title, and the clip's
                     span in it: stream, start_pts, end_pts (in units of time_base, "num/den" seconds),
                     start_s, end_s
    video            width_px, height_px, fps, num_frames, duration_s, frame_times_s (when each frame is
                     shown), keyframes (numbers of the frames that decode alone), sha256 and size_bytes of
                     the .mp4
    forms            further videos of the clip: name (the member is <key>.<name>.mp4), mode (exact, or
                     keyframe for the source's own packets), width_px, height_px, start_s (from the clip's
                     start), frame_times_s, keyframes (both from the form's own start), sha256, size_bytes
    audio            sha256 and size_bytes of the .flac (16 kHz, mono); null without sound
    captions         video, audio, speech, each null if it was not asked for: text, language, confidence in
                     0..1, segments (start_s, end_s, text, confidence), uncertain (speech that is not told
                     since it may be made up: start_s, end_s, reason), translation (language, segments with
                     the same times; null without one), provenance
    fused            fused captions, the one that draws on most modalities first: kind (V A S AV AVS),
                     text, lines (the numbered source lines: line, modality, start_s, end_s, text,
                     confidence, original: what was said where text is a translation), claims (start_char,
                     end_char of text, the lines they rest on, support: a score in 0..1 per modality),
                     wording (joined, written, rewritten, joined_instead), support_rate (of the first
                     draft's claims, 0..1), coverage (of the lines, 0..1), omitted (lines whose facts are
                     left out), provenance
    scores           what each filter and each gate of the fused caption measured, by its name
                     (docs/filters.md has the units); confidence of each caption, by modality (null without
                     one); and `support`: the mean over the claims of the first fused caption (null where it
                     makes none)

`provenance` says where a text comes from: model, revision, prompt and its hash, parameters,
input_spans, stage, stage_version, stage_key, code_version. All samples have the same keys, so that
readers which infer a table's columns from a few samples find them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean
from typing import Any

from captioning.records import FULLEST_FIRST, FusionKind, Modality
from curation.base.records import round_score
from shards.format import METADATA_SCHEMA_VERSION, canonical_json

Row = Mapping[str, Any]
"""A record as Arrow gives it: plain values by field name."""

_SPAN = ("video_id", "stream", "start_pts", "end_pts", "time_base", "start_s", "end_s")
_VIDEO = ("width_px", "height_px", "fps", "num_frames", "duration_s")
_LINE = ("line", "modality", "start_s", "end_s", "text", "confidence", "original")
_SEGMENT = ("start_s", "end_s", "text", "confidence")
_TIME_DECIMALS = 6


@dataclass(frozen=True)
class Metadata:
    """The text of the `.json` member; the digest of its facts (all of it but the provenance); the length
    of the caption that a trainer takes first; and how much of what may be absent is there."""

    text: str
    facts_digest: str
    caption_chars: int
    richness: int


def build(
    clip: Row, source: Row, captions: Mapping[str, Row], fused: Sequence[Row], gate: Row | None = None
) -> Metadata:
    """The metadata of a clip.

    `captions` are Caption rows by modality; `fused` are FusedCaption rows with text, at least one;
    `gate` is the CaptionGate row.
    """
    ordered = sorted(fused, key=lambda row: FULLEST_FIRST.index(FusionKind(row["kind"])))
    by_modality = {modality.value: captions.get(modality.value) for modality in Modality}
    metadata: dict[str, Any] = {
        "schema_version": METADATA_SCHEMA_VERSION,
        "key": clip["clip_id"],
        "source": {**_pick(clip, _SPAN), **_pick(source, ("duration_s", "licence", "title"))},
        "video": {
            **_pick(clip, _VIDEO),
            **_pick(clip["video"], ("sha256", "size_bytes")),
            **_pick(clip, ("frame_times_s", "keyframes")),
        },
        "forms": [_form(form, clip) for form in clip["other_forms"]],
        "audio": _pick(clip["audio"], ("sha256", "size_bytes")) if clip["audio"] else None,
        "captions": {name: _caption(row) if row else None for name, row in by_modality.items()},
        "fused": [_fused(row) for row in ordered],
        "scores": _scores(clip, by_modality, ordered[0], gate),
    }
    parts = {name: canonical_json(value) for name, value in metadata.items()}
    facts_digest = hashlib.sha256(_object(parts).encode()).hexdigest()
    for name, row in captions.items():
        metadata["captions"][name]["provenance"] = row["provenance"]
    for text, row in zip(metadata["fused"], ordered, strict=True):
        text["provenance"] = row["provenance"]
    parts |= {name: canonical_json(metadata[name]) for name in ("captions", "fused")}
    return Metadata(
        text=_object(parts),
        facts_digest=facts_digest,
        caption_chars=len(ordered[0]["text"]),
        richness=_richness(clip, source, captions, ordered[0]),
    )


def _object(parts: Mapping[str, str]) -> str:
    """Canonical JSON of an object whose values are JSON already."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in sorted(parts.items())) + "}"


def _form(form: Row, clip: Row) -> dict[str, Any]:
    start_s = float((form["start_pts"] - clip["start_pts"]) * Fraction(clip["time_base"]))
    return {
        **_pick(form, ("name", "mode", "width_px", "height_px", "frame_times_s", "keyframes")),
        **_pick(form["media"], ("sha256", "size_bytes")),
        "start_s": round(start_s, _TIME_DECIMALS),
    }


def _caption(row: Row) -> dict[str, Any]:
    return {
        **_pick(row, ("text", "language", "confidence")),
        "segments": [_pick(segment, _SEGMENT) for segment in row["segments"]],
        "uncertain": [_pick(doubt, ("start_s", "end_s", "reason")) for doubt in row["uncertain"]],
        "translation": _translation(row["translation"]),
    }


def _translation(row: Row | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "language": row["language"],
        "segments": [_pick(segment, _SEGMENT) for segment in row["segments"]],
    }


def _fused(row: Row) -> dict[str, Any]:
    return {
        **_pick(row, ("kind", "text", "wording", "support_rate", "coverage", "omitted")),
        "lines": [_pick(line, _LINE) for line in row["sources"]],
        "claims": [_pick(claim, ("start_char", "end_char", "lines", "support")) for claim in row["claims"]],
    }


def _scores(
    clip: Row, captions: Mapping[str, Row | None], first: Row, gate: Row | None
) -> dict[str, float | None]:
    support = [part["score"] for claim in first["claims"] for part in claim["support"]]
    return {
        **{score["filter"]: score["value"] for score in (*clip["scores"], *(gate["scores"] if gate else ()))},
        **{name: row["confidence"] if row else None for name, row in captions.items()},
        "support": round_score(fmean(support)) if support else None,
    }


def _richness(clip: Row, source: Row, captions: Mapping[str, Row], first: Row) -> int:
    optional = [clip["audio"], source["licence"], source["title"], first["sources"], first["claims"]]
    optional += [row[name] for row in captions.values() for name in ("language", "segments")]
    return sum(map(bool, optional))


def _pick(row: Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}

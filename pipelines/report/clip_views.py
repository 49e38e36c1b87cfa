"""The chosen clips in full: thumbnails, numbered source lines, fused captions, provenance, fate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from captioning.fusion.sources import source_lines
from captioning.records import Caption, CaptionGate, FusedCaption, Modality, SourceLine
from curation.base.rejects import Rejected
from curation.records import Clip, DuplicateOf, SourceVideo
from pipelines.report.data import Citing, ClipView, LineView
from pipelines.report.filters import gate_views, score_views
from pipelines.report.origins import origins
from pipelines.report.run_records import RunRecords
from pipelines.report.said import doubts, failures, translations
from pipelines.report.spans import MAX_LABEL, claim_anchor, fullest_first, fused_view, shown_claims
from pipelines.report.thumbnails import ReadMedia, thumbnails
from pipelines.report.wording import shown, words
from shards.records import Sample

MAX_LINES = 90
MAX_LINE_TEXT = 600
MAX_NAME = 300
ALIKE = {"exact": "has the same bytes", "near": "looks the same", "semantic": "shows the same"}
"""What the kinds of duplicates mean."""
ORDER = {modality: place for place, modality in enumerate(Modality)}


@dataclass(frozen=True)
class _Found:
    """The records of the chosen clips, by clip id."""

    sources: Mapping[str, SourceVideo]
    captions: Mapping[str, Sequence[Caption]]
    fused: Mapping[str, Sequence[FusedCaption]]
    gates: Mapping[str, CaptionGate]
    samples: Mapping[str, Sample]
    duplicates: Mapping[str, DuplicateOf]
    rejects: Mapping[str, Sequence[Rejected]]  # by their parents' ids


def clip_views(ids: Sequence[str], records: RunRecords, read_media: ReadMedia) -> tuple[ClipView, ...]:
    """Clips as the page shows them, in order of source and time."""
    clips = records.where(Clip, "clip_id", ids)
    videos = sorted({clip.video_id for clip in clips})
    captions, fused, rejects = defaultdict(list), defaultdict(list), defaultdict(list)
    for caption in records.where(Caption, "clip_id", ids):
        captions[caption.clip_id].append(caption)
    for fusion in records.where(FusedCaption, "clip_id", ids):
        fused[fusion.clip_id].append(fusion)
    for reject in records.where(Rejected, "parent_id", ids):
        rejects[reject.parent_id].append(reject)
    found = _Found(
        sources={video.video_id: video for video in records.where(SourceVideo, "video_id", videos)},
        captions=captions,
        fused=fused,
        gates={gate.clip_id: gate for gate in records.where(CaptionGate, "clip_id", ids)},
        samples={sample.clip_id: sample for sample in records.where(Sample, "clip_id", ids)},
        duplicates={each.clip_id: each for each in records.where(DuplicateOf, "clip_id", ids)},
        rejects=rejects,
    )
    clips.sort(key=lambda clip: (_uri(found, clip), clip.video_id, clip.start_s, clip.clip_id))
    return tuple(_view(number, clip, found, read_media) for number, clip in enumerate(clips, start=1))


def _view(number: int, clip: Clip, found: _Found, read_media: ReadMedia) -> ClipView:
    source = found.sources.get(clip.video_id)
    captions = sorted(found.captions[clip.clip_id], key=lambda caption: ORDER[caption.modality])
    fused = fullest_first(found.fused[clip.clip_id])
    prefix = f"c{number}"
    lines, anchors = _lines(prefix, captions, fused)
    kept = _kept(lines)
    hidden = {line.anchor for line in lines} - {line.anchor for line in kept}
    views = [
        fused_view(
            each,
            _fused_prefix(prefix, place),
            {label: anchor for label, anchor in anchors[place].items() if anchor not in hidden},
        )
        for place, each in enumerate(fused)
    ]
    fate_kind, fate = _fate(clip.clip_id, found)
    return ClipView(
        number=number,
        clip_id=clip.clip_id,
        video_id=clip.video_id,
        source=shown(_uri(found, clip).rstrip("/").rsplit("/", 1)[-1], MAX_NAME),
        uri=shown(_uri(found, clip), MAX_NAME),
        title=shown(source.title, MAX_NAME) if source and source.title else None,
        licence=shown(source.licence, MAX_NAME) if source and source.licence else None,
        start_s=clip.start_s,
        end_s=clip.end_s,
        width_px=clip.width_px,
        height_px=clip.height_px,
        fps=clip.fps,
        thumbnails=tuple(thumbnails(clip, read_media)),
        lines=tuple(kept),
        hidden_lines=len(hidden),
        failures=failures(clip.clip_id, found.rejects[clip.clip_id]),
        uncertain=doubts(captions),
        translations=translations(captions),
        fused=tuple(views),
        fate_kind=fate_kind,
        fate=fate,
        scores=score_views(clip.scores),
        gates=gate_views(found.gates.get(clip.clip_id)),
        origins=origins(captions, fused),
    )


def _lines(
    prefix: str, captions: Sequence[Caption], fused: Sequence[FusedCaption]
) -> tuple[list[LineView], list[dict[str, str]]]:
    """The lines of a clip, and per fusion the anchor of each label.

    Fusions share a line where they number it alike; lines that no fusion saw are taken from the
    captions, so that what was left out is seen as well.
    """
    placed: dict[SourceLine, str] = {}
    anchors: list[dict[str, str]] = []
    seen = [list(each.sources) for each in fused]
    used = {(line.modality, line.text, line.start_s) for lines in seen for line in lines}
    unseen = [
        replace(line, line=f"{line.modality.letter}–") if fused else line
        for line in source_lines(captions)
        if (line.modality, line.text, line.start_s) not in used
    ]
    for lines in [*seen, unseen]:
        for line in lines:
            placed.setdefault(line, f"{prefix}-line-{len(placed) + 1}")
        anchors.append({line.line: placed[line] for line in lines})
    citing = _citing(prefix, fused, anchors)
    left_out = {anchors[0].get(label) for label in fused[0].omitted} if fused else set()
    views = [
        LineView(
            anchor=anchor,
            label=shown(line.line, MAX_LABEL),
            modality=line.modality,
            start_s=line.start_s,
            end_s=line.end_s,
            text=shown(line.text, MAX_LINE_TEXT),
            confidence=line.confidence,
            cited_by=tuple(citing.get(anchor, ())),
            left_out=anchor in left_out,
        )
        for line, anchor in placed.items()
    ]
    return sorted(views, key=lambda view: ORDER[view.modality]), anchors


def _citing(
    prefix: str, fused: Sequence[FusedCaption], anchors: Sequence[Mapping[str, str]]
) -> dict[str, list[Citing]]:
    """By the anchor of a line, the claims that cite it."""
    citing: dict[str, list[Citing]] = defaultdict(list)
    for place, each in enumerate(fused):
        for number, claim in enumerate(shown_claims(each), start=1):
            for label in dict.fromkeys(claim.lines):
                if label in anchors[place]:
                    claim_at = claim_anchor(_fused_prefix(prefix, place), number)
                    citing[anchors[place][label]].append(Citing(claim_at, number, each.kind))
    return citing


def _fused_prefix(prefix: str, place: int) -> str:
    return f"{prefix}-claim" if place == 0 else f"{prefix}-{place + 1}-claim"


def _kept(lines: list[LineView]) -> list[LineView]:
    """At most `MAX_LINES`, cited ones before others, in their order."""
    wanted = sorted(lines, key=lambda line: not line.cited_by)[:MAX_LINES]
    anchors = {line.anchor for line in wanted}
    return [line for line in lines if line.anchor in anchors]


def _fate(clip_id: str, found: _Found) -> tuple[str, str]:
    sample, duplicate = found.samples.get(clip_id), found.duplicates.get(clip_id)
    if sample is not None:
        return "packed", f"in shard {shown(sample.shard_id, MAX_NAME)}, place {sample.position + 1}"
    if duplicate is not None:
        return "duplicate", f"not packed: {ALIKE[duplicate.kind]} as clip {duplicate.duplicate_of}"
    rejects = [each for each in found.rejects[clip_id] if each.rejected_id == clip_id]
    if rejects:
        said = "; ".join(f"{words(each.reason)} at {each.stage}: {each.detail}" for each in rejects)
        return "rejected", shown(f"not packed: {said}", MAX_LINE_TEXT)
    return "open", "not packed yet"


def _uri(found: _Found, clip: Clip) -> str:
    source = found.sources.get(clip.video_id)
    return source.uri if source is not None else clip.video_id

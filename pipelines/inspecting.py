"""One clip's captions as an auditor reads them: source lines, claims with citations, provenance."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from captioning.fusion.sources import source_lines
from captioning.records import Caption, CaptionGate, FusedCaption, Modality, Provenance, SourceLine, Wording
from curation.base.rejects import Rejected
from curation.records import Clip, SourceVideo
from pipelines.report.data import ScoreView
from pipelines.report.filters import gate_views, score_views
from pipelines.report.origins import origins
from pipelines.report.run_records import RunRecords
from pipelines.report.spans import fullest_first
from pipelines.report.telling import WHY, how
from pipelines.report.wording import clock, quantity, shown

MAX_CHARS = 600
MAX_LABEL = 12


@dataclass(frozen=True)
class Inspected:
    """A clip with all that was said of it."""

    clip: Clip
    source: SourceVideo | None
    captions: tuple[Caption, ...]
    fused: tuple[FusedCaption, ...]
    gate: CaptionGate | None
    rejects: tuple[Rejected, ...]


def inspect(records: RunRecords, clip_id: str) -> Inspected:
    """Find a clip by its id or by the beginning of it.

    Raises:
        ValueError: no clip, or more than one, has such an id.
    """
    clip = _clip(records, clip_id)
    ids = [clip.clip_id]
    order = {modality: place for place, modality in enumerate(Modality)}
    captions = sorted(records.where(Caption, "clip_id", ids), key=lambda each: order[each.modality])
    fused = fullest_first(records.where(FusedCaption, "clip_id", ids))
    return Inspected(
        clip=clip,
        source=next(iter(records.where(SourceVideo, "video_id", [clip.video_id])), None),
        captions=tuple(captions),
        fused=tuple(fused),
        gate=next(iter(records.where(CaptionGate, "clip_id", ids)), None),
        rejects=tuple(records.where(Rejected, "parent_id", ids)),
    )


def as_json(found: Inspected) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "clip_id": found.clip.clip_id,
        "video_id": found.clip.video_id,
        "uri": found.source.uri if found.source else None,
        "start_s": found.clip.start_s,
        "end_s": found.clip.end_s,
        "captions": [each.to_dict() for each in found.captions],
        "fused": [each.to_dict() for each in found.fused],
        "scores": {score.filter: score.value for score in found.clip.scores},
        "gates": found.gate.to_dict() if found.gate else None,
        "rejected": [each.to_dict() for each in found.rejects],
    }


def as_text(found: Inspected, width: int) -> Iterator[str]:
    """Lines for a terminal of so many columns."""
    clip = found.clip
    where = shown(found.source.uri, MAX_CHARS) if found.source else clip.video_id
    yield f"clip {clip.clip_id}"
    yield f"{where}, {clock(clip.start_s)} to {clock(clip.end_s)} ({clip.duration_s:.1f} s)"
    if clip.scores:
        yield from _scores("filters: ", score_views(clip.scores), width)
    if found.gate is not None:
        yield from _scores("gates: ", gate_views(found.gate), width)
    numbers = {
        (line.modality, line.text, line.start_s): line.line for each in found.fused for line in each.sources
    }
    for caption in found.captions:
        yield ""
        yield f"{caption.modality}: {shown(caption.provenance.model, 80)}" + (
            "" if caption.segments else " says nothing"
        )
        for line in source_lines([caption]):
            label = numbers.get((line.modality, line.text, line.start_s), "-")
            yield from _line(label, line, width)
        yield from _beside(caption, width)
    for each in found.fused:
        yield ""
        yield from _fused(each, width)
    for reject in found.rejects:
        yield ""
        yield from _wrapped(
            f"rejected at {reject.stage}: {reject.reason}: {shown(reject.detail, MAX_CHARS)}", width
        )
    yield ""
    yield "provenance"
    for origin in origins(found.captions, found.fused):
        yield from _origin(origin.role, origin.provenance, width)


def _clip(records: RunRecords, clip_id: str) -> Clip:
    exact = records.where(Clip, "clip_id", [clip_id])
    if exact:
        return exact[0]
    batches = records.batches(Clip, ["clip_id"])
    ids = sorted(
        {each for batch in batches for each in batch.column(0).to_pylist() if each.startswith(clip_id)}
    )
    if len(ids) != 1:
        what = f"{len(ids)} clips have ids that begin so, e.g. {ids[0]}" if ids else "no such clip"
        raise ValueError(f"--clip {clip_id}: {what}. cliploom tables RUN clips lists the ids.")
    return records.where(Clip, "clip_id", ids)[0]


def _line(label: str, line: SourceLine, width: int) -> Iterator[str]:
    head = f"  {label:<4}{line.start_s:6.1f}-{line.end_s:<6.1f}{line.confidence:5.2f}  "
    yield from _wrapped(shown(line.text, MAX_CHARS), width, head)


def _scores(head: str, scores: Sequence[ScoreView], width: int) -> Iterator[str]:
    said = [
        f"{shown(score.label, 80)} {quantity(score.value)}{'' if score.passes else ' (not passed)'}"
        for score in scores
    ]
    yield from _wrapped(", ".join(said), width, head)


def _beside(caption: Caption, width: int) -> Iterator[str]:
    """What stands beside a caption's lines: the same in another language, and speech in doubt."""
    if caption.translation is not None:
        yield f"  in {shown(caption.translation.language, MAX_LABEL)}:"
        for segment in caption.translation.segments:
            head = f"      {segment.start_s:6.1f}-{segment.end_s:<6.1f}{segment.confidence:5.2f}  "
            yield from _wrapped(shown(segment.text, MAX_CHARS), width, head)
    if caption.uncertain:
        yield "  somebody seems to speak, but the words are not told as they may be made up:"
        for doubt in caption.uncertain:
            said = WHY[doubt.reason] + (f" ({shown(doubt.detail, MAX_CHARS)})" if doubt.detail else "")
            yield from _wrapped(said, width, f"      {doubt.start_s:6.1f}-{doubt.end_s:<6.1f}       ")


def _fused(each: FusedCaption, width: int) -> Iterator[str]:
    of_draft = "" if each.wording in (Wording.JOINED, Wording.WRITTEN) else " of the first draft"
    figures = f"support{of_draft} {each.support_rate:.2f}, coverage {each.coverage:.2f}"
    yield from _wrapped(f"{how(each)}; {figures}", width, f"fused {each.kind}: ")
    for number, claim in enumerate(each.claims, start=1):
        scores = " ".join(f"{part.modality.letter} {part.score:.2f}" for part in claim.support)
        text = shown(each.text[claim.start_char : claim.end_char], MAX_CHARS)
        cited = ", ".join(shown(line, MAX_LABEL) for line in claim.lines)
        yield from _wrapped(f"{text} [{cited}] ({scores})", width, f"  {number:>2}. ")
    if each.omitted:
        yield from _wrapped(", ".join(shown(line, MAX_LABEL) for line in each.omitted), width, "  left out: ")
    for dropped in each.dropped:
        cited = ", ".join(shown(line, MAX_LABEL) for line in dropped.lines)
        problems = "; ".join(shown(problem, MAX_CHARS) for problem in dropped.problems)
        text = f"{shown(dropped.text, MAX_CHARS)} [{cited}]: {problems}"
        yield from _wrapped(text, width, f"  dropped from draft {dropped.draft} ({dropped.score:.2f}): ")


def _origin(role: str, origin: Provenance, width: int) -> Iterator[str]:
    prompt = ""
    if origin.prompt:
        prompt = f", prompt {shown(origin.prompt, MAX_CHARS)} {(origin.prompt_sha256 or '')[:12]}"
    yield from _wrapped(
        f"{shown(origin.model, 120)} {shown(origin.revision, 80)}{prompt}, "
        f"{shown(origin.parameters, MAX_CHARS)}, "
        f"stage {origin.stage} {origin.stage_version} {origin.stage_key}, code {origin.code_version}",
        width,
        f"  {role}: ",
    )


def _wrapped(text: str, width: int, head: str = "") -> Sequence[str]:
    return textwrap.wrap(
        text,
        max(width, len(head) + 20),
        initial_indent=head,
        subsequent_indent=" " * min(len(head), 24),
        break_on_hyphens=False,
    ) or [head]

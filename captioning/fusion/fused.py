"""What every kind of fusion has in common: which fused captions are made, and their record."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from captioning.fusion.checks.coverage import coverage
from captioning.fusion.claims import ClaimedText
from captioning.fusion.sources import source_lines
from captioning.records import (
    Caption,
    Dropped,
    FusedCaption,
    FusionKind,
    Modality,
    Provenance,
    SourceLine,
    Wording,
)
from curation.base.config import Config
from curation.base.records import round_score
from curation.base.rejects import Reason, Rejected
from curation.records import Clip


class FusionConfig(Config):
    """Which fused captions a clip gets."""

    kinds: tuple[FusionKind, ...] = Field(
        tuple(FusionKind),
        min_length=1,
        description="Fused captions of each clip: V, A and S say what was seen, heard or said alone, AV and "
        "AVS bring it together. A kind for which a clip has no lines is left out",
    )


def fused_from(
    clip: Clip,
    kind: FusionKind,
    lines: Sequence[SourceLine],
    text: ClaimedText,
    wording: Wording,
    origin: Provenance,
    *,
    support_rate: float = 1.0,
    dropped: Sequence[Dropped] = (),
    fallback_reason: str | None = None,
) -> FusedCaption:
    """The record of a fused text, with what it leaves out."""
    told = coverage([text.text[claim.start_char : claim.end_char] for claim in text.claims], lines)
    return FusedCaption(
        clip_id=clip.clip_id,
        kind=kind,
        text=text.text,
        sources=tuple(lines),
        claims=text.claims,
        wording=wording,
        support_rate=round_score(support_rate),
        coverage=told.share,
        omitted=told.omitted,
        dropped=tuple(dropped),
        fallback_reason=fallback_reason,
        provenance=origin,
    )


def nothing_to_fuse(stage: str, clip: Clip, captions: Sequence[Caption]) -> Rejected:
    """The reject of a clip of which no captioner said anything that the wanted kinds draw on."""
    left_out = {line.modality for line in source_lines(captions)}
    state = {
        caption.modality: "left out by captioning.fusion.kinds" if caption.modality in left_out else "empty"
        for caption in captions
    }
    states = ", ".join(f"{modality}: {state.get(modality, 'missing')}" for modality in Modality)
    return Rejected(
        rejected_id=clip.clip_id,
        parent_id=clip.clip_id,
        stage=stage,
        reason=Reason.NO_CAPTION,
        detail=f"there is nothing to fuse ({states}); see the rejects of the caption stages, or add a "
        "captioner",
    )

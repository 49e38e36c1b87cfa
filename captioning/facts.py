"""How the measured captioners put facts into words, and words into a caption."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.records import Caption, Modality, Provenance, Segment
from curation.base.records import round_score

TIME_DECIMALS = 3
LANGUAGE = "en"


def fact(start_s: float, end_s: float, text: str, confidence: float) -> Segment:
    """One measured fact as a line of a caption; `confidence` is clamped to 0..1."""
    return Segment(
        start_s=round(float(start_s), TIME_DECIMALS),
        end_s=round(float(end_s), TIME_DECIMALS),
        text=text,
        confidence=round_score(min(1.0, max(0.0, confidence))),
    )


def caption_of_facts(
    clip_id: str, modality: Modality, facts: Sequence[Segment], provenance: Provenance
) -> Caption:
    """A caption whose lines are facts; its confidence is their mean."""
    return Caption(
        clip_id=clip_id,
        modality=modality,
        language=LANGUAGE,
        text=" ".join(line.text for line in facts),
        segments=tuple(facts),
        confidence=round_score(sum(line.confidence for line in facts) / len(facts)),
        provenance=provenance,
    )


def when(start_s: float, end_s: float, duration_s: float, slack_s: float = 0.3) -> str:
    """' from 0.5 s to 2.1 s', shorter where the span touches an end of the clip, empty for all of it."""
    from_start, to_end = start_s <= slack_s, end_s >= duration_s - slack_s
    if from_start and to_end:
        return ""
    if from_start:
        return f" until {end_s:.1f} s"
    if to_end:
        return f" from {start_s:.1f} s on"
    return f" from {start_s:.1f} s to {end_s:.1f} s"


def percent(share: float) -> str:
    """A share of 1 in whole per cent; 'under 1 %' where it is small but not nothing."""
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{share * 100:.0f} %"

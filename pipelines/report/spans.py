"""A fused text cut into its claims and the words between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from captioning.records import FULLEST_FIRST, Claim, FusedCaption, Modality, Wording
from pipelines.report.data import CitedLine, DroppedView, FusedView, Piece
from pipelines.report.telling import how
from pipelines.report.wording import shown

MAX_TEXT = 6000
"""Characters of a fused text that are shown."""
MAX_CLAIMS = 200
MAX_DROPPED = 24
MAX_DROPPED_TEXT = 400
MAX_PROBLEMS = 12
MAX_LABEL = 12


def fullest_first(fused: Iterable[FusedCaption]) -> list[FusedCaption]:
    """Fused captions in the order of a sample's: AVS, AV, V, A, S."""
    return sorted(fused, key=lambda each: FULLEST_FIRST.index(each.kind))


def shown_claims(fused: FusedCaption) -> list[Claim]:
    """The claims that the page shows, in order of the text; the n-th has number n + 1."""
    ordered = sorted(fused.claims, key=lambda claim: (claim.start_char, claim.end_char, claim.lines))
    return ordered[:MAX_CLAIMS]


def fused_view(fused: FusedCaption, prefix: str, anchors: Mapping[str, str]) -> FusedView:
    """A fused caption as pieces that, put together, are its text.

    A claim that overlaps the one before it keeps what is left of its words; its citations are shown
    even if that is nothing.

    Args:
        fused: the caption; claims may lie anywhere, even outside of the text.
        prefix: what anchors of its claims begin with.
        anchors: the anchor of each source line on the page, by label.
    """
    return FusedView(
        kind=fused.kind,
        pieces=tuple(_pieces(fused, prefix, anchors)),
        how=how(fused),
        support_rate=fused.support_rate,
        of_first_draft=fused.wording not in (Wording.JOINED, Wording.WRITTEN),
        coverage=fused.coverage,
        omitted=_cited(fused.omitted, anchors),
        dropped=tuple(
            DroppedView(
                text=shown(each.text, MAX_DROPPED_TEXT),
                cited=_cited(each.lines, anchors),
                problems=tuple(shown(problem, MAX_DROPPED_TEXT) for problem in each.problems[:MAX_PROBLEMS]),
                score=each.score,
                draft=each.draft,
            )
            for each in fused.dropped[:MAX_DROPPED]
        ),
        hidden_dropped=max(0, len(fused.dropped) - MAX_DROPPED),
    )


def claim_anchor(prefix: str, number: int) -> str:
    """The anchor of the n-th claim of a fused caption."""
    return f"{prefix}-{number}"


def _cited(labels: Iterable[str], anchors: Mapping[str, str]) -> tuple[CitedLine, ...]:
    return tuple(CitedLine(label=shown(label, MAX_LABEL), anchor=anchors.get(label)) for label in labels)


def _pieces(fused: FusedCaption, prefix: str, anchors: Mapping[str, str]) -> Iterator[Piece]:
    text = shown(fused.text, MAX_TEXT)
    letters = {line.line: line.modality for line in fused.sources}
    position = 0
    for number, claim in enumerate(shown_claims(fused), start=1):
        start = min(max(claim.start_char, position), len(text))
        end = min(max(claim.end_char, start), len(text))
        if start > position:
            yield Piece(text=text[position:start])
        used = {letters[label] for label in claim.lines if label in letters}
        yield Piece(
            text=text[start:end],
            number=number,
            anchor=claim_anchor(prefix, number),
            modalities="".join(m.letter for m in Modality if m in used),
            cited=_cited(claim.lines, anchors),
            support=claim.support,
        )
        position = end
    if position < len(text):
        yield Piece(text=text[position:])

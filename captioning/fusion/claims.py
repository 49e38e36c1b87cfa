"""A fused text as a sequence of claims: what must hold, and the builder that makes it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from captioning.records import Claim, Modality, SourceLine, SupportScore
from curation.base.records import round_score


class ClaimError(ValueError):
    """A fused text breaks the rules of `check_claims`."""


@dataclass(frozen=True)
class ClaimedText:
    """A text and the claims that make it up."""

    text: str
    claims: tuple[Claim, ...]


class ClaimBuilder:
    """Builds a fused text claim by claim, so that offsets and citations are right by construction."""

    def __init__(self, sources: Sequence[SourceLine]) -> None:
        self._sources = tuple(sources)
        self._text = ""
        self._claims: list[Claim] = []

    def add(self, sentence: str, lines: Sequence[str], support: Mapping[Modality, float]) -> None:
        """Append a sentence that rests on some source lines; `support` in 0..1 for each cited modality.

        White space in the sentence is normalised.
        """
        sentence = " ".join(sentence.split())
        start_char = len(self._text) + 1 if self._text else 0
        self._text = f"{self._text} {sentence}" if self._text else sentence
        self._claims.append(
            Claim(
                start_char=start_char,
                end_char=start_char + len(sentence),
                lines=tuple(lines),
                support=tuple(
                    SupportScore(modality=modality, score=round_score(support[modality]))
                    for modality in Modality
                    if modality in support
                ),
            )
        )

    def build(self) -> ClaimedText:
        """The text and its claims.

        Raises:
            ClaimError: a sentence was empty, or a citation or a support is wrong.
        """
        check_claims(self._text, self._claims, self._sources)
        return ClaimedText(self._text, tuple(self._claims))


def check_claims(text: str, claims: Sequence[Claim], sources: Sequence[SourceLine]) -> None:
    """Check that claims are in order, do not overlap, leave out nothing but white space, and cite lines
    that exist, with a support in 0..1 for exactly the modalities they cite.

    Offsets count Unicode code points of `text` (not UTF-16 units, as JavaScript does).

    Raises:
        ClaimError: naming the claim, its place and what is wrong.
    """
    modalities = {source.line: source.modality for source in sources}
    done = 0
    for number, claim in enumerate(claims, start=1):
        place = f"claim {number} at [{claim.start_char}, {claim.end_char})"
        said = text[max(0, claim.start_char) : max(0, claim.end_char)]
        if not done <= claim.start_char < claim.end_char <= len(text):
            raise ClaimError(f"{place} is empty, out of order or outside the text of {len(text)} characters")
        if said != said.strip():
            raise ClaimError(f"{place} begins or ends with white space")
        _check_gap(text, done, claim.start_char)
        _check_citations(place, claim, modalities)
        done = claim.end_char
    _check_gap(text, done, len(text))


def _check_gap(text: str, start: int, end: int) -> None:
    if text[start:end].strip():
        raise ClaimError(f"no claim covers [{start}, {end}): {text[start:end][:60]!r}")


def _check_citations(place: str, claim: Claim, modalities: Mapping[str, Modality]) -> None:
    if not claim.lines:
        raise ClaimError(f"{place} cites no source line")
    unknown = [line for line in claim.lines if line not in modalities]
    if unknown:
        raise ClaimError(
            f"{place} cites {', '.join(unknown)}; there are {', '.join(modalities) or 'no lines'}"
        )
    if len(set(claim.lines)) != len(claim.lines):
        raise ClaimError(f"{place} cites a line twice: {', '.join(claim.lines)}")
    supported = [support.modality for support in claim.support]
    if sorted(supported) != sorted({modalities[line] for line in claim.lines}):
        raise ClaimError(f"{place} cites {', '.join(claim.lines)} but is supported by {', '.join(supported)}")
    for support in claim.support:
        if not 0.0 <= support.score <= 1.0:
            raise ClaimError(f"{place} has a support of {support.score} by {support.modality}, outside 0..1")

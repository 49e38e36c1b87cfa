"""What the claims leave out: source lines whose facts no claim tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from captioning.fusion.checks.case import carried
from captioning.fusion.checks.counts import numbers_of
from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.sentence import Word
from captioning.fusion.checks.topics import WEIGHTS, topic
from captioning.fusion.lexicon.likeness import likeness
from captioning.records import SourceLine
from curation.base.records import round_score

TOLD = 0.4
"""A line of which the claims tell less than this share is omitted."""
NUMBER = 0.5
"""Weight of a number beside those of words: lines often differ in nothing else."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the sources the claims tell: `share` of all lines' words (0..1, rounded), and the names
    of the lines that are left out."""

    share: float
    omitted: tuple[str, ...]


def coverage(claims: Sequence[str], sources: Sequence[SourceLine]) -> Coverage:
    """How far the claims' texts tell what the source lines say, whichever lines they cite.

    A word is told by a synonym, or by a word that is more general or more special, a number by itself. Lines
    without a telling word (interjections) count as told.
    """
    told_numbers = [number for claim in claims for number in numbers_of(parse(claim))]
    omitted: list[str] = []
    told_of_all = weight_of_all = 0.0
    for source in sources:
        sentence = parse(source.text)
        words = [(word, WEIGHTS[topic(word.lemma, word.pos, word.is_name)]) for word in sentence.words]
        numbers = numbers_of(sentence)
        total = sum(weight for _, weight in words) + NUMBER * len(numbers)
        told = sum(
            weight * max((_told(word, claim) for claim in claims), default=0.0) for word, weight in words
        ) + NUMBER * sum(number in told_numbers for number in numbers)
        if total and told < TOLD * total:
            omitted.append(source.line)
        told_of_all, weight_of_all = told_of_all + told, weight_of_all + total
    share = told_of_all / weight_of_all if weight_of_all else 1.0
    return Coverage(round_score(share), tuple(omitted))


def _told(word: Word, claim: str) -> float:
    if found := carried(word, claim):
        return found
    return max(
        (likeness(other.lemma, other.pos, word.lemma, word.pos) for other in parse(claim).words), default=0.0
    )

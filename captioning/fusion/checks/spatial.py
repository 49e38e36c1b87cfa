"""Where things are to each other: on or under the table, before or behind the house."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from captioning.fusion.checks.case import Case
from captioning.fusion.checks.matching import find_mentions
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Mention, Sentence
from captioning.fusion.lexicon.likeness import opposed

OPPOSITE = 0.8


def wrong_relations(case: Case) -> Iterator[Problem]:
    """Prepositions that exclude those of the cited lines before the same thing; particles of a verb."""
    for mention in case.claim.mentions:
        if not mention.prep:
            continue
        theirs = [line.sentence.mentions[at].prep for line, at in find_mentions(mention, case.cited)]
        theirs = [prep for prep in theirs if prep] or _beside_pronouns(case, mention)
        if mention.prep in theirs:
            continue
        against = [prep for prep in theirs if opposed(mention.prep, prep)]
        if against and len(against) == len(theirs):
            yield Problem(
                ProblemKind.RELATION, f"{mention.prep} against {against[0]} the {mention.head}", OPPOSITE
            )
    yield from _reversed_ways(case)
    for event in case.claim.events:
        if not event.particle:
            continue
        like = [
            other
            for line in case.cited
            for other in line.sentence.events
            if other.verb == event.verb and other.particle
        ]
        if like and all(opposed(event.particle, other.particle) for other in like):
            yield Problem(ProblemKind.CONTRADICTION, f"{event.names[0]} against {like[0].names[0]}", OPPOSITE)


def _beside_pronouns(case: Case, mention: Mention) -> list[str]:
    """Prepositions before the same pronoun: behind them."""
    if not mention.is_pronoun:
        return []
    return [
        other.prep
        for line in case.cited
        for other in line.sentence.mentions
        if other.head == mention.head and other.prep
    ]


def _reversed_ways(case: Case) -> Iterator[Problem]:
    """`from pink to blue` against `from blue to pink`."""
    theirs = {way for line in case.cited for way in _ways(line.sentence)}
    for start, end in _ways(case.claim):
        if (end, start) in theirs and (start, end) not in theirs:
            yield Problem(ProblemKind.CONTRADICTION, f"from {start} to {end}", OPPOSITE)


def _ways(sentence: Sentence) -> list[tuple[str, str]]:
    mentions = sentence.mentions
    return [
        (one.head, other.head)
        for one, other in pairwise(mentions)
        if one.prep == "from" and other.prep in ("to", "into", "towards")
    ]

"""Whether noun phrases and verbs of a claim and of a source speak of the same."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from enum import Enum

from captioning.fusion.checks.case import Line
from captioning.fusion.checks.sentence import Event, Mention
from captioning.fusion.lexicon.likeness import identity, likeness
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import listing

LIKE = 0.75
_MALE = frozenset(listing("he him himself"))
_FEMALE = frozenset(listing("she her herself"))
_ANYONE = frozenset(
    listing(
        "someone somebody person people they them it one voice speaker who individual figure crowd "
        "group team other another"
    )
)


class Match(Enum):
    """Whether two phrases are of the same thing, as far as one can tell."""

    YES = 1
    UNKNOWN = 0
    NO = -1


@functools.lru_cache(maxsize=32768)
def alike(claim: str, source: str) -> float:
    """Likeness of two nouns, either way round: dog and animal may be the same thing."""
    return max(identity(claim, source), identity(source, claim))


def same_thing(claim: Mention, source: Mention) -> Match:
    """Compare two mentions by their heads."""
    if claim.is_pronoun or source.is_pronoun:
        body = "noun.body" in (meaning(source.head, "n").kind, meaning(claim.head, "n").kind)
        return Match.UNKNOWN if body else _pronouns(claim.head, source.head)
    if (
        max(alike(claim.head, source.head), *(alike(a, b) for a in _names(claim) for b in _names(source)))
        >= LIKE
    ):
        return Match.YES
    if claim.head in _ANYONE or source.head in _ANYONE or {"J", "CD"} & {claim.tag, source.tag}:
        return Match.UNKNOWN
    if claim.head in source.modifiers or source.head in claim.modifiers:
        return Match.UNKNOWN
    if "noun.body" in (meaning(source.head, "n").kind, meaning(claim.head, "n").kind):
        return Match.UNKNOWN
    if claim.collective and alike(claim.collective, source.head) >= LIKE:
        return Match.YES
    return Match.NO


def _names(mention: Mention) -> Sequence[str]:
    return mention.compounds or (mention.head,)


def _pronouns(claim: str, source: str) -> Match:
    """Pronouns may be anyone of their gender."""
    for male, female in ((claim, source), (source, claim)):
        if (male in _MALE and _is(female, "woman", _FEMALE)) or (
            male in _FEMALE and _is(female, "man", _MALE)
        ):
            return Match.NO
    if claim == source:
        return Match.YES
    if any(claim in gender and source in gender for gender in (_MALE, _FEMALE)):
        return Match.YES
    for one, other in ((claim, source), (source, claim)):
        if one in _MALE | _FEMALE and meaning(other, "n").kind not in (
            "",
            "noun.person",
            "noun.animal",
            "noun.group",
        ):
            return Match.UNKNOWN if other in _ANYONE | _MALE | _FEMALE else Match.NO
    return Match.UNKNOWN


def _is(word: str, gender: str, pronouns: frozenset[str]) -> bool:
    return word in pronouns or (
        word != "person" and likeness(gender, "n", word, "n") >= LIKE and not _neutral(word)
    )


@functools.lru_cache(maxsize=4096)
def _neutral(word: str) -> bool:
    """Words that count as a man and as a woman alike say nothing of gender."""
    return likeness("man", "n", word, "n") >= LIKE and likeness("woman", "n", word, "n") >= LIKE


def verbs_alike(claim: Event, source: Event) -> float:
    """Likeness of two verbs, either way round."""
    return max(_verbs_alike(a, b) for a in claim.names for b in source.names)


@functools.lru_cache(maxsize=32768)
def _verbs_alike(claim: str, source: str) -> float:
    return max(likeness(claim, "v", source, "v"), likeness(source, "v", claim, "v"))


def find_mentions(head: Mention, lines: Sequence[Line]) -> Iterator[tuple[Line, int]]:
    """Where the lines speak of what a mention of the claim speaks of."""
    for line in lines:
        for at, mention in enumerate(line.sentence.mentions):
            if not mention.is_pronoun and same_thing(head, mention) is Match.YES:
                yield line, at

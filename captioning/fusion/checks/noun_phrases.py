"""Noun phrases: determiner, numbers, adjectives, nouns; `a pair of skaters` speaks of skaters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from captioning.fusion.checks.sentence import Mention
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.quantities import COLLECTIVE, VAGUE, Quantity, last_number
from captioning.fusion.lexicon.wordnet import wordnet

_NOUNS = ("N", "NS", "NNP")
_BEFORE = ("DT", "NDT", "PRPS", "CD", "J")
_PRONOUNS = ("PRP", "NPRP")


def noun_phrases(forms: Sequence[str], tags: Sequence[str], joined: Sequence[bool]) -> list[Mention]:
    """The noun phrases of a tagged text, in order; `joined` marks tokens that a hyphen joins to the next."""
    found: list[Mention] = []
    place = 0
    while place < len(tags):
        if tags[place] in _PRONOUNS:
            found.append(_mention(forms, tags, place, place + 1, place, joined))
            place += 1
            continue
        end = _end(forms, tags, place, joined)
        if end == place or not _names_something(tags, place, end):
            place += 1
            continue
        place = _add(found, forms, tags, place, end, joined)
    return _join_of(found, forms)


def _names_something(tags: Sequence[str], start: int, end: int) -> bool:
    """Adjectives alone name nothing, unless a determiner or preposition comes before (`in black`)."""
    if any(tags[at] in (*_NOUNS, "CD", "PRPS") for at in range(start, end)):
        return True
    if tags[start] in ("DT", "NDT"):
        return True
    return tags[start] == "J" and start > 0 and tags[start - 1] in ("IN", "TO")


def _end(forms: Sequence[str], tags: Sequence[str], start: int, joined: Sequence[bool]) -> int:
    """One past the last token of the noun phrase that starts here, or `start` if none does."""
    at, in_nouns = start, False
    while at < len(tags):
        tag = tags[at]
        if tag in _NOUNS:
            in_nouns = not joined[at] or at + 1 == len(tags) or tags[at + 1] in _NOUNS
        elif tag == "POS" and in_nouns:
            in_nouns = False
        elif in_nouns:
            if not (tag == "CD" and tags[at - 1] == "NNP"):
                break
        elif not _may_precede(forms, tags, at, start):
            break
        at += 1
    while at > start and tags[at - 1] in ("R", "CC", "PUN"):
        at -= 1
    return at


def _may_precede(forms: Sequence[str], tags: Sequence[str], at: int, start: int) -> bool:
    """Whether a token may stand before the head of the phrase that starts at `start`."""
    if tags[at] in ("DT", "NDT", "PRPS") and at > start:
        return tags[at - 1] in ("DT", "CD")
    return tags[at] in _BEFORE or _is_inner(forms, tags, at, start)


def _is_inner(forms: Sequence[str], tags: Sequence[str], at: int, start: int) -> bool:
    """Whether a token that is no noun or adjective still stands inside a noun phrase."""
    after = tags[at + 1] if at + 1 < len(tags) else ""
    if tags[at] in ("VBG", "VBD"):
        if at > start and forms[at - 1] in ("one", "another", "others"):
            return False
        return after in ("N", "NS", "J") and (at > start or _may_open(forms, tags, at))
    if tags[at] == "R":
        return after in ("J", "CD", "VBG", "VBD") and (at > start or after == "CD")
    if tags[at] in ("CC", "PUN"):
        before = tags[at - 1] if at > start else ""
        return (
            forms[at] in ("and", "or", ",") and before == "J" and after == "J" and _noun_follows(tags, at + 1)
        )
    return tags[at] == "POS" and at > start


def _may_open(forms: Sequence[str], tags: Sequence[str], at: int) -> bool:
    """Whether a participle that opens a phrase is an adjective: `scraping ice`, not `after adding salt`."""
    if at and tags[at - 1] in ("CC", "PUN") and tags[at] == "VBG":
        end = at + 1
        while end < len(tags) and tags[end] in ("N", "NS", "J"):
            end += 1
        if end > at + 1 and end < len(tags) and tags[end] in ("BE", "MD", "VBZ"):
            return True
    if at and tags[at - 1] == "IN":
        return forms[at - 1] not in ("after", "before", "by", "without", "while", "when")
    if tags[at] == "VBD":
        return at == 0 or tags[at - 1] in ("CC", "PUN")
    if any(tags[other] == "VBG" and tags[other - 1] in ("N", "NS", "NNP") for other in range(1, at + 1)):
        return False
    return not any(tag in ("VBZ", "VB", "BE", "MD", "HAVE", "DO") for tag in tags)


def _noun_follows(tags: Sequence[str], at: int) -> bool:
    while at < len(tags) and tags[at] == "J":
        at += 1
    return at < len(tags) and tags[at] in ("N", "NS")


def _add(
    found: list[Mention],
    forms: Sequence[str],
    tags: Sequence[str],
    start: int,
    end: int,
    joined: Sequence[bool],
) -> int:
    """Append the phrase, and its owner before 's as one of its own."""
    owner = -1
    for at in range(start, end):
        if tags[at] == "POS":
            found.append(_mention(forms, tags, start, at, at - 1, joined, owner))
            owner, start = len(found) - 1, at + 1
    if start < end:
        found.append(_mention(forms, tags, start, end, end - 1, joined, owner))
    return end


def _mention(
    forms: Sequence[str],
    tags: Sequence[str],
    start: int,
    end: int,
    head: int,
    joined: Sequence[bool],
    owner: int = -1,
) -> Mention:
    tag = tags[head]
    inner = range(start, head)
    compounds = tuple(
        "_".join(forms[at : at + length]) if at + length <= head else _compound(forms, at, length, head)
        for length in (2, 3)
        for at in range(start, end - length + 1)
        if all(tags[other] in (*_NOUNS, "J", "VBG", "VBD") for other in range(at, at + length))
    )
    number = last_number(
        [
            forms[at]
            for at in range(start, end)
            if (tags[at] == "CD" or _is_half(forms, at)) and not _is_measure(tags, joined, at)
        ]
    )
    if number is None:
        number = next(
            (
                VAGUE[forms[at]]
                for at in range(start, end)
                if forms[at] in VAGUE
                and forms[at] not in ("a", "an")
                and not (forms[at] == "both" and "DT" in tags[at + 1 : end])
            ),
            None,
        )
    if number is None and any(forms[at] in ("a", "an", "another", "one", "each", "every") for at in inner):
        number = Quantity(1, 1)
    return Mention(
        head=forms[head] if tag in (*_PRONOUNS, "NNP") else (lemma(forms[head], "n") or forms[head]),
        tag=tag,
        start=start,
        place=head,
        end=end,
        modifiers=[
            (lemma(forms[at], "a") or lemma(forms[at], "v") or forms[at])
            if tags[at] not in _NOUNS
            else (lemma(forms[at], "n") or forms[at])
            for at in inner
            if tags[at] in ("J", "N", "NS", "NNP", "VBG", "VBD")
        ],
        number=number,
        determiner=next((forms[at] for at in range(start, end) if tags[at] in ("DT", "NDT", "PRPS")), ""),
        owner=owner,
        negated=any(tags[at] in ("NDT", "NPRP") for at in range(start, end)),
        compounds=tuple(name for name in compounds if name in wordnet()),
    )


def _compound(forms: Sequence[str], at: int, length: int, head: int) -> str:
    last = lemma(forms[head], "n") or forms[head]
    return "_".join((*forms[at : at + length - 1], last))


def _is_measure(tags: Sequence[str], joined: Sequence[bool], at: int) -> bool:
    """`a three-masted ship` is one ship."""
    return joined[at] and at + 1 < len(tags) and tags[at + 1] != "CD"


def _is_half(forms: Sequence[str], at: int) -> bool:
    return forms[at] == "half" or (forms[at] in ("a", "dozen") and at > 0 and forms[at - 1] in ("half", "a"))


def _join_of(found: list[Mention], forms: Sequence[str]) -> list[Mention]:
    """Give what follows `of` the number of the collective before it, and mark the collective."""
    for one, other in pairwise(found):
        if one.end < len(forms) and forms[one.end] == "of" and other.start == one.end + 1:
            name = one.head if one.head in COLLECTIVE else forms[one.place]
            if name in COLLECTIVE or one.tag in ("CD", "DT"):
                other.collective = name
                other.negated |= one.negated
                if other.number is None or one.number is not None:
                    counted = VAGUE.get(forms[one.place]) or VAGUE.get(name)
                    other.number = counted or (
                        one.number if name in ("piece", "slice") or one.tag == "CD" else other.number
                    )
    return found

"""How far one word of a source carries a word of a claim, and whether two words exclude each other."""

from __future__ import annotations

import functools

from captioning.fusion.lexicon.meaning import Meaning, meaning
from captioning.fusion.lexicon.wordlists import colours, evidence, opposites, words
from captioning.fusion.lexicon.wordnet import Pos, wordnet

SAME = 1.0
GENERAL = 0.95
"""The claim's word is more general than the source's."""
DERIVED = 0.9
SUGGESTED = 0.92
"""What our list takes as evidence: a goalkeeper for a match."""
DEFINED_PERSON = 0.7
DEFINED = 0.5
NEAR = 0.75
"""Adjectives of a cluster, verbs of a group."""
MANNER = 0.65
"""The claim's verb is a manner of the source's."""
SIBLINGS = 0.45
"""Two manners of the same doing."""
NEIGHBOURS = 0.42
NARROW = 4
"""A term with so few others below it; those are much alike."""


@functools.lru_cache(maxsize=32768)
def likeness(claim: str, claim_pos: Pos, source: str, source_pos: Pos) -> float:
    """0..1: 1 for the same or a synonym, less for what only suggests it. Not symmetrical: dog carries
    animal, animal does not carry dog."""
    if claim == source:
        return SAME
    if claim in colours() and source in colours() and claim_pos in "na":
        return SAME if source in colours()[claim] or claim in colours()[source] else 0.0
    if claim in words("relations") and source not in words("relations"):
        return 0.0
    if claim_pos == "r" or source_pos == "r":
        (claim, claim_pos), (source, source_pos) = (
            _adjective(claim, claim_pos),
            _adjective(source, source_pos),
        )
        if claim == source:
            return SAME
    ours, theirs = meaning(claim, claim_pos), meaning(source, source_pos)
    if source in ours.alike:
        return SAME
    if claim in theirs.generals or any(word in ours.alike for word in theirs.generals):
        return GENERAL
    if claim_pos == source_pos:
        found = _same_kind(ours, theirs, claim_pos)
        if found:
            return found
    if claim in evidence().get(source, ()):
        return SUGGESTED
    return max(
        _derived(claim, ours, source, theirs),
        _part_of_compound(claim, source) if claim_pos == "n" else 0.0,
        _defined(claim, ours, source, theirs),
    )


@functools.lru_cache(maxsize=8192)
def _adjective(lemma: str, pos: Pos) -> tuple[str, Pos]:
    """happily -> happy: adverbs are compared by the adjective that they come from."""
    if pos != "r":
        return lemma, pos
    known = wordnet()
    for word, _ in known.related(lemma):
        if lemma[:3] == word[:3] and known.senses(word, "a"):
            return word, "a"
    return lemma, pos


@functools.lru_cache(maxsize=32768)
def identity(claim: str, source: str) -> float:
    """Likeness of two nouns as names of the same thing: what only suggests it does not count."""
    return 0.0 if claim in evidence().get(source, ()) else likeness(claim, "n", source, "n")


def _defined(claim: str, ours: Meaning, source: str, theirs: Meaning) -> float:
    """Whether one word stands in the definition of the other: an archer uses a bow."""
    if source in ours.gloss:
        return DEFINED_PERSON if ours.kind == "noun.person" else DEFINED
    return DEFINED if claim in theirs.gloss else 0.0


def _part_of_compound(claim: str, source: str) -> float:
    """A snowplough is a plough and tells of snow; so do the halves of other words written as one."""
    known = wordnet()
    if len(claim) >= 4 and source.endswith(claim) and known.senses(source[: -len(claim)], "n"):
        return DERIVED
    if len(claim) >= 4 and source.startswith(claim) and known.senses(source[len(claim) :], "n"):
        return MANNER
    return 0.0


def _same_kind(ours: Meaning, theirs: Meaning, pos: Pos) -> float:
    if ours.synsets & theirs.synsets:
        return SAME
    if not ours.synsets.isdisjoint(theirs.above):
        return GENERAL
    if pos in "ar" and (ours.neighbours & theirs.synsets or theirs.neighbours & ours.synsets):
        return NEAR
    if pos == "v":
        return _verbs(ours, theirs)
    return _neighbours(ours, theirs) if pos == "n" else 0.0


def _neighbours(ours: Meaning, theirs: Meaning) -> float:
    """Nouns below one narrow term: tunnel and passage, but not violin and guitar."""
    known = wordnet()
    shared = {
        synset for synset, distance in ours.above.items() if distance == 1 and theirs.above.get(synset) == 1
    }
    return NEIGHBOURS if any(known.num_below(synset) <= NARROW for synset in shared) else 0.0


def _verbs(ours: Meaning, theirs: Meaning) -> float:
    if ours.neighbours & theirs.synsets or theirs.neighbours & ours.synsets:
        return NEAR
    manner = min((ours.above[synset] for synset in theirs.synsets if synset in ours.above), default=0)
    if manner:
        return MANNER if manner == 1 else SIBLINGS
    parents = {synset for synset, distance in ours.above.items() if distance == 1}
    shared = [synset for synset in parents if theirs.above.get(synset) == 1]
    return SIBLINGS if shared else 0.0


def _derived(claim: str, ours: Meaning, source: str, theirs: Meaning) -> float:
    if claim in theirs.related_words or source in ours.related_words:
        return DERIVED
    if claim.endswith("ed") and source in (claim[:-2], claim[:-1], claim[:-3]):
        return DERIVED
    if (
        claim.endswith(("er", "or", "ist"))
        and len(source) > 3
        and claim.startswith(source[:-1])
        and len(claim) <= len(source) + 3
    ):
        return DERIVED
    if ours.related & theirs.synsets or theirs.related & ours.synsets or ours.related & theirs.related:
        return DERIVED
    if not ours.synsets.isdisjoint(_above_all(theirs.related)):
        return NEAR
    return 0.0


@functools.lru_cache(maxsize=8192)
def _above_all(synsets: frozenset[int]) -> frozenset[int]:
    known = wordnet()
    return frozenset(parent for synset in synsets for parent in known.hypernyms(synset))


@functools.lru_cache(maxsize=32768)
def opposed(one: str, other: str) -> bool:
    """Whether the words exclude each other when said of the same thing (WordNet's antonyms, our list)."""
    if other in opposites().get(one, ()):
        return True
    if one.endswith("ly") and other.endswith("ly"):
        base, against = _adjective(one, "r")[0], _adjective(other, "r")[0]
        if (base, against) != (one, other):
            return opposed(base, against)
    return other in _antonyms(one)


@functools.lru_cache(maxsize=16384)
def _antonyms(word: str) -> frozenset[str]:
    known = wordnet()
    return frozenset().union(*(known.antonyms(word, pos) for pos in POS))


POS: tuple[Pos, ...] = ("n", "v", "a", "r")

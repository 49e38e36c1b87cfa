"""What a lemma can mean: its usual senses, what lies above them, and what is derived from it."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from captioning.fusion.lexicon.wordlists import broader, synonyms
from captioning.fusion.lexicon.wordnet import Pos, wordnet

NUM_SENSES: dict[str, int] = {"n": 5, "v": 7, "a": 5, "r": 4}
MIN_SHARE = 0.04
"""Senses with less than this share of a word's tagged uses are left out."""
GLOSSED = 3
"""Of so many senses the definitions are used."""
UNTAGGED = 3
"""How many senses of a word that was never tagged are used."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A lemma as one part of speech.

    `synsets` are its usual senses, `above` maps each ancestor to its distance, `related` holds what is
    derived from it (synsets), `alike` the words of the hand-made groups, `generals` what it counts as.
    `gloss` holds words of its definitions. `kind` is the lexicographer file of the first sense, or an empty
    string.
    """

    synsets: frozenset[int]
    above: dict[int, int]
    related: frozenset[int]
    related_words: frozenset[str]
    neighbours: frozenset[int]
    alike: frozenset[str]
    generals: frozenset[str]
    kind: str
    gloss: frozenset[str]


@functools.lru_cache(maxsize=8192)
def meaning(lemma: str, pos: Pos) -> Meaning:
    """The meaning of a lemma; empty where nothing knows it."""
    known = wordnet()
    synsets = usual_senses(lemma, pos)
    above: dict[int, int] = {}
    layer, distance = set(synsets), 0
    while layer and distance < 12:
        distance += 1
        layer = {parent for synset in layer for parent in known.hypernyms(synset)} - above.keys()
        above.update(dict.fromkeys(layer, distance))
    related = known.related(lemma)
    neighbours = {other for synset in synsets for other in known.similar(synset)}
    if pos == "a":
        neighbours |= {far for near in neighbours for far in known.similar(near)}
    if pos == "v":
        neighbours |= {other for synset in synsets for other in known.entailed(synset)}
    groups = synonyms().get(lemma, frozenset())
    return Meaning(
        synsets=frozenset(synsets),
        above=above,
        related=frozenset(synset for _, synset in related),
        related_words=frozenset(word for word, _ in related),
        neighbours=frozenset(neighbours),
        alike=groups,
        generals=broader().get(lemma, frozenset()),
        kind=known.lexfile(synsets[0]) if synsets else "",
        gloss=frozenset(word for synset in synsets[:GLOSSED] for word in known.gloss(synset)),
    )


def usual_senses(lemma: str, pos: Pos) -> tuple[int, ...]:
    """The senses that a caption is likely to mean, the most frequent first."""
    senses = wordnet().senses(lemma, pos)[: NUM_SENSES[pos]]
    total = sum(count for _, count in senses)
    if not total:
        return tuple(synset for synset, _ in senses[:UNTAGGED])
    return tuple(synset for at, (synset, count) in enumerate(senses) if count >= MIN_SHARE * total or at == 0)

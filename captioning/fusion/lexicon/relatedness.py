"""How near two words are by their definitions: the cosine of extended glosses.

The gist of a sense is its synonyms and the telling words of its definition, with those of the senses around
it (above, below, similar). Gloss overlap after Banerjee and Pedersen, Extended gloss overlaps as a measure
of semantic relatedness, 2003.
"""

from __future__ import annotations

import functools
import math

from captioning.fusion.lexicon.meaning import usual_senses
from captioning.fusion.lexicon.wordnet import Pos, wordnet

SYNONYMS = 3.0
ABOVE, FURTHER, AROUND, DERIVED = 0.6, 0.25, 0.5, 0.3
"""What glosses of the senses around one count beside its own."""
MOST = 30
KEPT = 40
"""So many of the strongest words are kept of a gist."""


@functools.lru_cache(maxsize=16384)
def relatedness(one: str, one_pos: Pos, other: str, other_pos: Pos) -> float:
    """0..1; synonyms come near 1, car and lorry near 0.4, unlike things below 0.1."""
    mine, theirs = _gist(one, one_pos), _gist(other, other_pos)
    if len(theirs) < len(mine):
        mine, theirs = theirs, mine
    return min(1.0, sum(weight * theirs[word] for word, weight in mine.items() if word in theirs))


@functools.lru_cache(maxsize=2048)
def _gist(lemma: str, pos: Pos) -> dict[int, float]:
    """Words (rows of WordNet's table) with weights; of length 1."""
    known = wordnet()
    counts = dict(known.senses(lemma, pos))
    senses = usual_senses(lemma, pos)
    total = sum(counts[synset] + 0.5 for synset in senses)
    gist: dict[int, float] = {}
    for synset in senses:
        _add(gist, _around(synset), math.sqrt((counts[synset] + 0.5) / total))
    for _, synset in known.related(lemma)[:6]:
        _add(gist, _around(synset), DERIVED)
    return _normal(dict(sorted(gist.items(), key=lambda item: (-item[1], item[0]))[:KEPT]))


@functools.lru_cache(maxsize=1024)
def _around(synset: int) -> dict[int, float]:
    known = wordnet()
    above = known.hypernyms(synset)
    further = {parent for one in above for parent in known.hypernyms(one)}
    gist = dict(_own(synset))
    for group, weight in (
        (above, ABOVE),
        (sorted(further), FURTHER),
        (known.hyponyms(synset)[:MOST], None),
        ((*known.similar(synset), *known.entailed(synset))[:MOST], None),
    ):
        for one in group:
            _add(gist, _own(one), AROUND / math.sqrt(len(group)) if weight is None else weight)
    return dict(sorted(gist.items(), key=lambda item: (-item[1], item[0]))[: 2 * KEPT])


def _own(synset: int) -> dict[int, float]:
    """Synonyms and telling words of the definition; of length 1."""
    known = wordnet()
    names = known.members(synset)
    gist = dict.fromkeys(names, SYNONYMS / math.sqrt(len(names) or 1))
    for word, rarity in known.gloss_rows(synset):
        gist[word] = gist.get(word, 0.0) + rarity / 5
    return _normal(gist)


def _add(gist: dict[int, float], other: dict[int, float], weight: float) -> None:
    for word, value in other.items():
        gist[word] = gist.get(word, 0.0) + weight * value


def _normal(gist: dict[int, float]) -> dict[int, float]:
    length = math.sqrt(sum(value * value for value in gist.values())) or 1.0
    return {word: value / length for word, value in gist.items()}

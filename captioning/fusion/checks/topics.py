"""What kind of thing a word speaks of, and how much of a text lies in it."""

from __future__ import annotations

import functools
from enum import StrEnum

from captioning.fusion.checks.closed_words import CLOSED
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.quantities import VAGUE
from captioning.fusion.lexicon.wordlists import colours, words
from captioning.fusion.lexicon.wordnet import Pos, wordnet


class Topic(StrEnum):
    """Groups of words that are checked alike."""

    FRAME = "frame"
    NAME = "name"
    COLOUR = "colour"
    EMOTION = "emotion"
    RELATION = "relation"
    PERSON = "person"
    THING = "thing"
    UNKNOWN = "unknown"
    PLACE = "place"
    HAPPENING = "happening"
    IDEA = "idea"
    DOING = "doing"
    TELLING = "telling"
    STATE = "state"
    QUALITY = "quality"
    MANNER = "manner"


WEIGHTS: dict[Topic, float] = {
    Topic.FRAME: 0.0,
    Topic.NAME: 0.8,
    Topic.COLOUR: 0.8,
    Topic.EMOTION: 0.8,
    Topic.RELATION: 0.8,
    Topic.PERSON: 0.6,
    Topic.THING: 0.6,
    Topic.UNKNOWN: 0.4,
    Topic.PLACE: 0.6,
    Topic.HAPPENING: 0.25,
    Topic.IDEA: 0.15,
    Topic.DOING: 0.25,
    Topic.TELLING: 0.15,
    Topic.STATE: 0.15,
    Topic.QUALITY: 0.15,
    Topic.MANNER: 0.15,
}
"""How much of what a text says lies in a word of a topic."""

_NOUNS = {
    "noun.person": Topic.PERSON,
    "noun.animal": Topic.THING,
    "noun.artifact": Topic.THING,
    "noun.food": Topic.THING,
    "noun.plant": Topic.THING,
    "noun.body": Topic.HAPPENING,
    "noun.object": Topic.PLACE,
    "noun.substance": Topic.THING,
    "noun.location": Topic.PLACE,
    "noun.phenomenon": Topic.THING,
    "noun.event": Topic.HAPPENING,
    "noun.group": Topic.HAPPENING,
    "noun.feeling": Topic.EMOTION,
    "noun.time": Topic.HAPPENING,
}
_VERBS = {
    "verb.communication": Topic.TELLING,
    "verb.cognition": Topic.TELLING,
    "verb.perception": Topic.TELLING,
    "verb.stative": Topic.STATE,
    "verb.change": Topic.STATE,
    "verb.emotion": Topic.TELLING,
}


@functools.lru_cache(maxsize=32768)
def topic(lemma: str, pos: Pos, is_name: bool) -> Topic:
    """The topic of a lemma."""
    if is_name:
        return Topic.NAME
    kind = meaning(lemma, pos).kind
    if lemma in colours() and (pos == "a" or (pos == "n" and kind in ("noun.attribute", ""))):
        return Topic.COLOUR
    if lemma in words("frame") or lemma in VAGUE or lemma in CLOSED:
        return Topic.FRAME
    if lemma in words("emotions") or (pos in "ar" and _tells_feeling(lemma)):
        return Topic.EMOTION
    if lemma in words("relations") and pos == "n":
        return Topic.RELATION
    if pos == "n" and lemma in words("vague"):
        return Topic.IDEA
    if pos == "n":
        return _noun(lemma, kind)
    if pos == "v":
        return _VERBS.get(kind, Topic.DOING)
    return Topic.QUALITY if pos == "a" else Topic.MANNER


def _tells_feeling(lemma: str) -> bool:
    """Whether most of the nouns that an adjective goes with are feelings: despondent, jubilant."""
    known = wordnet()
    kinds = [known.lexfile(synset) for _, synset in known.related(lemma)]
    nouns = [kind for kind in kinds if kind.startswith("noun.")]
    return 2 * nouns.count("noun.feeling") > len(nouns)


def _noun(lemma: str, kind: str) -> Topic:
    """By the first sense; a thing too where another of the first three is, and is used often enough."""
    first = _NOUNS.get(kind, Topic.IDEA if kind else Topic.UNKNOWN)
    if first not in (Topic.IDEA, Topic.HAPPENING):
        return first
    known = wordnet()
    senses = known.senses(lemma, "n")[:3]
    total = sum(count for _, count in senses)
    least = SOME if kind in ("noun.communication", "noun.group") else MUCH
    for synset, count in senses[1:]:
        if known.lexfile(synset) in _CONCRETE and (total < RARE or count >= least * total):
            return Topic.THING
    return first


_CONCRETE = ("noun.artifact", "noun.animal", "noun.food", "noun.plant")
MUCH = 0.25
SOME = 0.1
"""The same for works and groups that are often things too: television, battery."""
RARE = 4
"""Words tagged less often than this in all say nothing of which sense is usual."""

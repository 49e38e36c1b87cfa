"""Parts of speech: what WordNet says a word can be, weighed by what may follow what (Viterbi)."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence

from captioning.fusion.checks.closed_words import ALSO_OPEN, CLOSED
from captioning.fusion.checks.tokens import Token
from captioning.fusion.checks.transitions import NUMBER, TRANSITIONS
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.wordlists import colours, listing
from captioning.fusion.lexicon.wordnet import Pos, irregular, wordnet

_DIGITS = re.compile(r"\d")
_ENDS = (".", "!", "?", ":", ";")
COLOUR_FIRST = 3.0
"""Colour words are adjectives so much more often than nouns."""
COMPARED = 0.3
"""An owner is no comparative of own."""
_PARTICIPLE_AS_ADJECTIVE = -0.8


def tag(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The most likely tags (see transitions.py), one per token."""
    best: dict[str, float] = {"START": 0.0}
    back: list[dict[str, str]] = []
    for place, token in enumerate(tokens):
        step: dict[str, float] = {}
        came: dict[str, str] = {}
        starts = place == 0 or tokens[place - 1].low in _ENDS
        options = candidates(token.text, starts)
        if token.hyphen or (place and tokens[place - 1].hyphen):
            options = _joined(options)
        for name, likelihood in options:
            column = NUMBER[name]
            score, before = max((old + TRANSITIONS[NUMBER[prev]][column], prev) for prev, old in best.items())
            step[name], came[name] = score + likelihood, before
        best = step
        back.append(came)
    if not back:
        return ()
    name = max(best, key=lambda key: best[key])
    tags = []
    for came in reversed(back):
        tags.append(name)
        name = came[name]
    return tuple(reversed(tags))


@functools.lru_cache(maxsize=32768)
def candidates(text: str, starts: bool) -> tuple[tuple[str, float], ...]:
    """(Tag, log likelihood) of a word; `starts` says that its capital may be the sentence's."""
    low = text.lower()
    if low in CLOSED and (low == text or starts or text == "I" or text.isupper()):
        closed = CLOSED[low]
        return closed + tuple(_open(low)) if low in ALSO_OPEN else closed
    if _DIGITS.search(text):
        return (("CD", 0.0), ("NNP", -3.0)) if not low.endswith(("st", "nd", "rd", "th")) else (("J", 0.0),)
    known = tuple(_open(low))
    if text[0].isupper() and not text.isupper() and not starts:
        return (("NNP", 0.0), *((name, score - 2.5) for name, score in known))
    if not known:
        return (("NNP", 0.0), ("N", -1.5), ("UH", -3.0)) if text[0].isupper() else _guess(low)
    if text[0].isupper() and wordnet().is_name(low) and not any(name[0] == "V" for name, _ in known):
        return (("NNP", 0.0), *((name, score - 2) for name, score in known))
    return known


def _joined(options: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Around a hyphen a participle or particle is an adjective: snow-capped, rolled-up."""
    return tuple(("J" if name in ("VBD", "VBG", "RP", "IN", "R") else name, score) for name, score in options)


def _open(low: str) -> list[tuple[str, float]]:
    """Tags by WordNet's counts of the lemmas that the form can be of."""
    if low in _MORE:
        return [("J", -0.5)]
    if low in _SIDES:
        return [("N", -0.8), ("J", -0.9), ("R", -1.5), *([("VBD", -1.0)] if low == "left" else [])]
    weights: dict[str, float] = {}
    for pos in ("n", "v", "a", "r"):
        base = lemma(low, pos)
        if base is None:
            continue
        senses = wordnet().senses(base, pos)
        weight = sum(count for _, count in senses) + 0.6 * len(senses)
        if pos == "a" and base != low and wordnet().senses(low, "n"):
            weight = min(weight, COMPARED)
        for name in _forms(low, base, pos):
            weights[name] = max(weights.get(name, 0.0), weight)
    if low in colours():
        weights["J"] = COLOUR_FIRST * max(weights.values())
    total = sum(weights.values())
    scored = [(name, max(math.log(weight / total), -3.5)) for name, weight in weights.items()]
    if "VBD" in weights and "J" not in weights:
        scored.append(("J", _PARTICIPLE_AS_ADJECTIVE + math.log(weights["VBD"] / total) - 1))
    return scored


def _forms(low: str, base: str, pos: Pos) -> tuple[str, ...]:
    if pos == "n":
        plural_only = low == base and low.endswith("s") and not low.endswith(("ss", "us", "is"))
        return ("NS",) if low != base else (("N", "NS") if plural_only or low in _UNCHANGING else ("N",))
    if pos == "a":
        return ("J",)
    if pos == "r":
        return ("R",)
    if low == base:
        return ("VB", "VBD") if (low, "v") in irregular() or low in _UNCHANGED else ("VB",)
    if low.endswith("ing"):
        return ("VBG",)
    return ("VBZ",) if low.endswith("s") and (low, "v") not in irregular() else ("VBD",)


_MORE = ("more", "most", "less", "fewer", "other")
_SIDES = ("left", "right")
_UNCHANGING = frozenset(
    listing("people sheep deer fish police cattle crew staff series folk aircraft audience crowd team")
)
_UNCHANGED = frozenset(
    listing("put set cut hit let shut hurt cost burst cast split spread shed quit bet rid run come")
)


def _guess(low: str) -> tuple[tuple[str, float], ...]:
    if low.endswith("ing"):
        return (("VBG", -0.2), ("N", -1.6), ("J", -2.0))
    if low.endswith("ed"):
        return (("VBD", -0.3), ("J", -1.0))
    if low.endswith("ly"):
        return (("R", 0.0),)
    if low.endswith("s") and not low.endswith("ss"):
        return (("NS", -0.3), ("VBZ", -1.5), ("N", -2.5))
    if low.endswith(("y", "ish", "ous", "ful", "less", "able", "ive")):
        return (("J", -0.5), ("N", -1.0))
    return (("N", -0.1), ("J", -2.0), ("VB", -3.0))

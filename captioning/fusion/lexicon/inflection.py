"""From a word's form to its lemma: WordNet's exception lists first, then rules of English endings."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from captioning.fusion.lexicon.wordnet import Pos, irregular, wordnet

RULES: dict[Pos, tuple[tuple[str, str], ...]] = {
    "n": (
        ("sses", "ss"),
        ("ies", "y"),
        ("ves", "f"),
        ("ves", "fe"),
        ("xes", "x"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("zes", "z"),
        ("ses", "s"),
        ("ses", "se"),
        ("men", "man"),
        ("oes", "o"),
        ("s", ""),
    ),
    "v": (
        ("ies", "y"),
        ("ied", "y"),
        ("es", "e"),
        ("es", ""),
        ("s", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "a": (("ier", "y"), ("iest", "y"), ("er", "e"), ("er", ""), ("est", "e"), ("est", "")),
    "r": (),
}
SINGULAR_S = ("ss", "us", "is")
"""Endings in s of a singular."""


@functools.lru_cache(maxsize=65536)
def lemma(form: str, pos: Pos) -> str | None:
    """The lemma of a lower-case form as this part of speech, or None where WordNet has none."""
    known = wordnet()
    for other in irregular().get((form, pos), ()):
        if known.senses(other, pos):
            return other
    if pos in "nv" and known.senses(form, pos) and not _prefers_rule(form, pos):
        return form
    for candidate in _candidates(form, pos):
        if known.senses(candidate, pos):
            return candidate
    return form if known.senses(form, pos) else None


def _prefers_rule(form: str, pos: Pos) -> bool:
    """`glasses` and `speakers` have their own entries, but are plurals first."""
    return pos == "n" and form.endswith("s") and not form.endswith(SINGULAR_S)


def _candidates(form: str, pos: Pos) -> Iterator[str]:
    for ending, instead in RULES[pos]:
        if form.endswith(ending) and len(form) - len(ending) >= 2:
            stem = form[: len(form) - len(ending)]
            if ending in ("ed", "ing", "er", "est") and not instead and _is_doubled(stem):
                yield stem[:-1]
            yield stem + instead


def _is_doubled(stem: str) -> bool:
    return len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "aeiouls"


def is_plural(form: str) -> bool:
    """Whether a lower-case noun form is a plural."""
    single = lemma(form, "n")
    return single is not None and single != form

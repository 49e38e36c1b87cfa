"""Verb groups: auxiliaries, negation, the main verb and its particle."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.fusion.checks.sentence import Event
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.wordlists import listing
from captioning.fusion.lexicon.wordnet import wordnet

_VERBS = ("VB", "VBZ", "VBD", "VBG")
_AUXILIARIES = ("BE", "HAVE", "DO", "MD")
_INNER = ("NEG", "R")
UNDOING = {
    **dict.fromkeys(listing("fail refuse decline forget neglect omit"), "TO"),
    **dict.fromkeys(listing("stop cease avoid quit"), "VBG"),
}
"""`fails to save` and `stops singing` deny what follows; the tag says in which form."""


def verb_groups(forms: Sequence[str], tags: Sequence[str], taken: Sequence[bool]) -> list[Event]:
    """The verb groups of a tagged text, in order; `taken` marks tokens inside noun phrases."""
    found: list[Event] = []
    at = 0
    while at < len(tags):
        if taken[at] or tags[at] not in (*_VERBS, *_AUXILIARIES):
            at += 1
            continue
        end = _end(tags, taken, at)
        found.append(_event(forms, tags, at, end))
        at = max(end, at + 1)
    return found


def _end(tags: Sequence[str], taken: Sequence[bool], start: int) -> int:
    at = start
    seen_main = False
    while at < len(tags) and not taken[at]:
        if tags[at] in _VERBS:
            if seen_main:
                break
            seen_main = True
        elif tags[at] in _AUXILIARIES:
            if seen_main:
                break
        elif tags[at] not in _INNER or seen_main:
            break
        at += 1
    while at > start and tags[at - 1] == "R":
        at -= 1
    return at


def _event(forms: Sequence[str], tags: Sequence[str], start: int, end: int) -> Event:
    main = next((at for at in range(end - 1, start - 1, -1) if tags[at] in _VERBS), None)
    place = main if main is not None else max(at for at in range(start, end) if tags[at] in _AUXILIARIES)
    before = [tags[at] for at in range(start, place)]
    verb = lemma(forms[place], "v") or forms[place]
    is_be = "BE" in before or any(
        forms[at] in ("get", "gets", "got", "getting") for at in range(start, place)
    )
    particle = ""
    if (
        place + 1 < len(tags)
        and tags[place + 1] in ("RP", "IN", "R")
        and f"{verb}_{forms[place + 1]}" in wordnet()
    ):
        particle = forms[place + 1]
    return Event(
        verb=verb,
        particle=particle,
        start=start,
        place=place,
        end=end,
        is_finite=_is_finite(forms, tags, start),
        is_passive=main is not None and tags[place] == "VBD" and is_be,
        negated=any(tags[at] == "NEG" for at in range(start, end)) or "NEG" in _before(tags, start),
    )


def _is_finite(forms: Sequence[str], tags: Sequence[str], start: int) -> bool:
    if tags[start] == "VBD":
        return True
    infinite = (start > 0 and tags[start - 1] == "TO") or forms[start] in ("being", "having", "been", "be")
    return not infinite and tags[start] in ("VBZ", "VB", "MD", "BE", "HAVE", "DO")


def _before(tags: Sequence[str], start: int) -> list[str]:
    """The tag before a verb, with the one before `to`."""
    return list(tags[max(0, start - (2 if start and tags[start - 1] == "TO" else 1)) : start])

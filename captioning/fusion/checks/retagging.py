"""Tags that only the words further on decide: `before the race` and `before the race starts`."""

from __future__ import annotations

from collections.abc import Sequence

from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.likeness import likeness
from captioning.fusion.lexicon.wordlists import colours
from captioning.fusion.lexicon.wordnet import wordnet

_EITHER = ("before", "after", "until", "till", "since", "as", "than")
_ABOUT = ("about", "around", "over", "under", "nearly", "almost", "roughly", "up_to")
_FINITE = ("VBZ", "VB", "VBD", "BE", "HAVE", "MD", "DO")
_OBJECTS = (("them",), ("him",), ("it",))
_VERBS = ("VBZ", "VB", "VBD", "VBG")
_NOMINAL = ("DT", "NDT", "PRPS", "PRP", "NPRP", "J", "N", "NS", "NNP", "CD", "POS", "R")


def retag(forms: Sequence[str], tags: Sequence[str]) -> tuple[str, ...]:
    """The tags with prepositions that open a clause made subordinators, and the like."""
    found = [_settled(forms, tags, at) or tag for at, tag in enumerate(tags)]
    found = [_settled(forms, found, at) or tag for at, tag in enumerate(found)]
    _settle_sounds(found)
    if not any(tag in _FINITE for tag in found):
        _find_verb(forms, found)
    for start, end in _clauses(found):
        if not any(tag in _FINITE for tag in found[start:end]):
            clause = found[start:end]
            _find_verb(forms[start:end], clause)
            found[start:end] = clause
    return tuple(found)


def _clauses(tags: Sequence[str]) -> list[tuple[int, int]]:
    """Stretches after a subordinator, up to the next mark or subordinator."""
    ends = [at for at, tag in enumerate(tags) if tag in ("SC", "PUN")] + [len(tags)]
    return [(at + 1, ends[number + 1]) for number, at in enumerate(ends[:-1]) if tags[at] == "SC"]


def _settle_sounds(tags: list[str]) -> None:
    """`screeching and a chime are heard`, `with clattering and giggles audible`: names of sounds."""
    if tags[:2] == ["VBG", "CC"] and "BE" in tags:
        tags[0] = "N"
    for at in range(1, len(tags) - 2):
        if tags[at - 1 : at + 2] == ["IN", "VBG", "CC"] and tags[at + 2] in ("VBZ", "NS"):
            tags[at], tags[at + 2] = "N", "NS"


def _settled(forms: Sequence[str], tags: Sequence[str], at: int) -> str | None:
    """A better tag for one token, if its surroundings ask for it."""
    following = tags[at + 1] if at + 1 < len(tags) else ""
    match tags[at]:
        case "IN" | "SC" if forms[at] in _EITHER:
            if _opens_clause(tags, at + 1):
                return "SC"
            return "IN" if following in _NOMINAL else None
        case "IN" if forms[at] in _ABOUT and following == "CD":
            return "R"
        case "VB" if at == 1 and tags[0] == "TO" and following in ("N", "NS") and lemma(forms[at], "a"):
            return "J"
        case "N" | "J" if _after_modal(tags, at) and lemma(forms[at], "v") == forms[at]:
            return "VB"
        case "NS" if lemma(forms[at], "v") and (
            _is_second_verb(forms, tags, at, following) or _is_single(forms, tags, at - 1)
        ):
            return "VBZ"
        case "R" | "J" | "N" if forms[at] == "half" and tuple(forms[at + 1 : at + 3]) == ("a", "dozen"):
            return "DT"
        case "NS" if _is_doing_in_colour(forms, tags, at):
            return "VBZ"
        case "NS" if tuple(forms[at + 1 : at + 2]) in _OBJECTS and lemma(forms[at], "v"):
            return "VBZ"
        case "VB" if following == "VBG" and (not at or tags[at - 1] == "PUN") and lemma(forms[at], "n"):
            return "N"
        case "N" if at and tags[at - 1] in ("N", "NS") and _is_phrasal(forms, tags, at):
            return "VB"
        case "VBZ" if lemma(forms[at], "n") and following in ("", "PUN", "CC") and _is_object(tags, at - 1):
            return "NS"
        case "VBZ" if at and tags[at - 1] == "N" and _is_bare(forms, tags, at - 1) and lemma(forms[at], "n"):
            return "NS"
    return None


def _is_doing_in_colour(forms: Sequence[str], tags: Sequence[str], at: int) -> bool:
    """`a boxer in black ducks`, but not `in black trunks`."""
    return (
        at > 1
        and tags[at - 2] == "IN"
        and forms[at - 2] == "in"
        and forms[at - 1] in colours()
        and lemma(forms[at], "v") is not None
        and likeness("clothing", "n", lemma(forms[at], "n") or forms[at], "n") < 0.9
    )


def _is_phrasal(forms: Sequence[str], tags: Sequence[str], at: int) -> bool:
    """`youngsters crack up`: a verb with its particle at the end of a clause."""
    return (
        at + 2 < len(forms)
        and tags[at + 1] in ("RP", "IN", "R")
        and tags[at + 2] in ("PUN", "CC", "SC")
        and bool(wordnet().senses(f"{forms[at]}_{forms[at + 1]}", "v"))
    )


def _is_object(tags: Sequence[str], at: int) -> bool:
    """Whether the noun phrase that ends here with `the` or `his` first stands right after a verb."""
    end = at
    while at >= 0 and tags[at] in ("N", "J"):
        at -= 1
    return 0 < at < end and tags[at] in ("DT", "PRPS") and tags[at - 1] in (*_VERBS, "RP")


def _is_bare(forms: Sequence[str], tags: Sequence[str], at: int) -> bool:
    """Whether a noun stands without determiner after a verb, preposition or number: `joins steel pipes`,
    `two barn swallows`."""
    while at >= 0 and tags[at] in ("N", "J"):
        at -= 1
    return at >= 0 and (tags[at] in (*_VERBS, "IN") or (tags[at] == "CD" and forms[at] not in ("one", "1")))


def _find_verb(forms: Sequence[str], tags: list[str]) -> None:
    """Give a text without a finite verb one, where a noun that ends a phrase agrees with the first noun:
    `balloons in blue hang from`, `a girl films with`."""
    first = next((at for at, tag in enumerate(tags) if tag in ("N", "NS")), None)
    if first is None or tags[0] not in ("DT", "PRPS", "CD", "J", "N", "NS", "NDT"):
        return
    bumped = first
    while tags[bumped + 1 : bumped + 2] == ["NS"]:
        bumped += 1
    if (
        bumped > first
        and bumped + 1 < len(tags)
        and tags[bumped + 1] in ("IN", "DT", "PRPS", "PRP", "SC", "RP")
    ):
        base = lemma(forms[bumped], "v")
        if base is not None and tags[first] == "N" and base != forms[bumped] and tags[0] == "DT":
            tags[bumped] = "VBZ"
            return
    first = bumped
    for at in range(first + 1, len(tags) - 1):
        wanted = "N" if tags[first] == "NS" or "and" in forms[first:at] else "NS"
        if (
            tags[at] != wanted
            or tags[at - 1] not in ("N", "NS", "J")
            or tags[at + 1] in ("N", "NS", "POS", "CC")
        ):
            continue
        base = lemma(forms[at], "v")
        if base is not None and (base == forms[at]) == (wanted == "N"):
            tags[at] = "VB" if wanted == "N" else "VBZ"
            return


def _after_modal(tags: Sequence[str], at: int) -> bool:
    """`cannot ship`: after a modal comes a verb."""
    while at > 0 and tags[at - 1] in ("NEG", "R"):
        at -= 1
    return at > 0 and tags[at - 1] in ("MD", "DO")


def _is_second_verb(forms: Sequence[str], tags: Sequence[str], at: int, following: str) -> bool:
    """`jumps over a log and lands hard`."""
    joined = at > 0 and forms[at - 1] == "and" and "VBZ" in tags[:at]
    return joined and following in ("DT", "PRPS", "PRP", "R")


def _is_single(forms: Sequence[str], tags: Sequence[str], at: int) -> bool:
    """Whether the noun phrase that ends here opens with `a`, so that a plural cannot end it."""
    if at < 0 or tags[at] != "N":
        return False
    while at >= 0 and tags[at] in ("N", "J", "NNP"):
        at -= 1
    return at >= 0 and forms[at] in ("a", "an", "another", "each", "every")


def _opens_clause(tags: Sequence[str], start: int) -> bool:
    """Whether a noun phrase (with prepositional phrases) and a finite verb come next."""
    at = start
    while at < len(tags) and tags[at] in (*_NOMINAL, "IN", "TO", "VBG"):
        at += 1
    return at > start and at < len(tags) and tags[at] in _FINITE

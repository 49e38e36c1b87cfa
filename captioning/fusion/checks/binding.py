"""Attributes bound to their noun: the red coat, the man in the red coat, the left eye."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captioning.fusion.checks.case import Case
from captioning.fusion.checks.matching import Match, same_thing
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Event, Mention, Sentence
from captioning.fusion.lexicon.likeness import likeness, opposed
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.wordlists import colours, listing

OTHER_COLOUR = 0.8
OPPOSITE = 0.8
OTHER_OWNER = 0.6
_HAVING = frozenset(listing("wear have hold carry sport don dress clothe use"))
_HAVING_PREPOSITIONS = ("in", "with")


@dataclass(frozen=True, slots=True)
class Link:
    """`owner` wears, holds or has `item`."""

    owner: Mention
    item: Mention


def wrong_attributes(case: Case) -> Iterator[Problem]:
    """Colours, qualities and possessions that the cited lines give to something else."""
    theirs = [
        (mention, attributes(line.sentence, at))
        for line in case.cited
        for at, mention in enumerate(line.sentence.mentions)
    ]
    for at, mention in enumerate(case.claim.mentions):
        if mention.is_pronoun:
            continue
        ours = attributes(case.claim, at, lent=False)
        if ours:
            yield from _compare(mention, ours, theirs)
    yield from _wrong_owners(case)


def _compare(
    mention: Mention, ours: Sequence[str], theirs: Sequence[tuple[Mention, Sequence[str]]]
) -> Iterator[Problem]:
    same = [
        words for other, words in theirs if not other.is_pronoun and same_thing(mention, other) is Match.YES
    ]
    if not same:
        return
    for word in ours:
        if any(carries(word, other) for words in same for other in words):
            continue
        if word in colours():
            if any(other in colours() for words in same for other in words):
                yield _problem(ProblemKind.COLOUR, word, mention, OTHER_COLOUR)
        elif any(opposed(word, other) for words in same for other in words):
            yield _problem(ProblemKind.CONTRADICTION, word, mention, OPPOSITE)


def _problem(kind: ProblemKind, word: str, mention: Mention, weight: float) -> Problem:
    return Problem(kind, f"{word} {mention.head}", weight)


def carries(ours: str, theirs: str) -> bool:
    """Whether an attribute of a source carries one of the claim."""
    return (
        ours == theirs
        or likeness(ours, "a", theirs, "a") >= 0.75
        or likeness(ours, "n", theirs, "n") >= 0.9
        or likeness(ours, "a", theirs, "n") >= 0.9
        or likeness(ours, "n", theirs, "a") >= 0.9
    )


def attributes(sentence: Sentence, at: int, lent: bool = True) -> list[str]:
    """What is said of a mention: its modifiers, what it is said to be, the colours it is `in`, and those
    lent by its clothes."""
    mention = sentence.mentions[at]
    found = [
        word
        for word, following in zip(mention.modifiers, [*mention.modifiers, ""][1:], strict=True)
        if not (word in colours() and following.endswith("ed"))
    ]
    for event in sentence.events:
        if (
            at in event.subjects
            and event.verb in ("be", "look", "become", "stay", "remain", "turn", "glow", "seem")
            and not event.negated
        ):
            found += _predicate(sentence, event)
        if lent and at in event.objects and event.is_passive:
            found += [event.verb, sentence.forms[event.place]]
    for other in sentence.mentions:
        if other.to == at and other.prep in ("in", "of") and (other.head in colours()):
            found.append(other.head)
            found += [form for form in sentence.forms[other.end + 1 : other.end + 2] if form in colours()]
        elif lent and other.to == at and other.prep == "of":
            found += [*other.modifiers, other.head]
    if not lent:
        return found
    found += [
        word
        for link in links(sentence)
        if link.owner is mention
        for word in link.item.modifiers
        if word in colours() and _is_worn(link.item)
    ]
    return found


def _is_worn(mention: Mention) -> bool:
    """Clothes lend their colour: a striker in a white shirt is a striker in white."""
    return likeness("clothing", "n", mention.head, "n") >= 0.9


def _predicate(sentence: Sentence, event: Event) -> list[str]:
    """Adjectives after a copula, up to the next boundary."""
    found = []
    for place in range(event.end, len(sentence.tags)):
        tag = sentence.tags[place]
        if tag in ("J",):
            found.append(sentence.forms[place])
        elif tag not in ("R", "CC", "VBD") or sentence.clauses[place] != event.clause:
            break
    return found


def links(sentence: Sentence) -> list[Link]:
    """Who wears, holds or has what."""
    mentions = sentence.mentions
    found = []
    for mention in mentions:
        if (
            mention.to >= 0
            and mention.prep in _HAVING_PREPOSITIONS
            and mention.head not in colours()
            and _is_living(mentions[mention.to])
        ):
            found.append(Link(mentions[mention.to], mention))
        if mention.owner >= 0 and not mentions[mention.owner].is_pronoun:
            found.append(Link(mentions[mention.owner], mention))
    for event in sentence.events:
        if event.verb in _HAVING and not event.is_passive and not event.negated:
            found += [
                Link(mentions[owner], mentions[item]) for owner in event.subjects for item in event.objects
            ]
    return found


def _is_living(mention: Mention) -> bool:
    return mention.is_pronoun or meaning(mention.head, "n").kind in (
        "noun.person",
        "noun.animal",
        "noun.group",
    )


def _wrong_owners(case: Case) -> Iterator[Problem]:
    theirs = [link for line in case.cited for link in links(line.sentence)]
    for link in links(case.claim):
        if link.owner.is_pronoun:
            continue
        same_items = [other for other in theirs if same_thing(link.item, other.item) is Match.YES]
        if not same_items:
            continue
        owners = [other for other in same_items if same_thing(link.owner, other.owner) is not Match.NO]
        if not owners:
            if _is_among(link.owner, case):
                yield Problem(
                    ProblemKind.ATTRIBUTE_BINDING, f"{link.item.head} of {link.owner.head}", OTHER_OWNER
                )
            continue
        worn = [word for word in link.item.modifiers if word in colours()]
        rivals = [word for other in owners for word in other.item.modifiers if word in colours()]
        if worn and rivals and not any(carries(word, rival) for word in worn for rival in rivals):
            yield Problem(
                ProblemKind.ATTRIBUTE_BINDING,
                f"{worn[0]} {link.item.head} of {link.owner.head}",
                OTHER_COLOUR,
            )


def _is_among(mention: Mention, case: Case) -> bool:
    """Whether the cited lines speak of it at all; if not, its word is already a problem."""
    return any(
        not other.is_pronoun and same_thing(mention, other) is Match.YES
        for line in case.cited
        for other in line.sentence.mentions
    )

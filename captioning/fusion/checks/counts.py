"""Numbers: how many of what, and figures in reported speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from captioning.fusion.checks.case import Case, Line
from captioning.fusion.checks.matching import find_mentions
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Mention, Sentence
from captioning.fusion.lexicon.likeness import likeness, opposed
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.quantities import COLLECTIVE, MANY, Quantity, parse_number, split_numbers
from captioning.fusion.lexicon.wordlists import listing

EXACT = 0.8
VAGUE = 0.6
ONE_OF_MANY = 0.4
_ABOUT = listing("about around roughly nearly almost approximately over some close_to more")
_OTHERS = frozenset(listing("other another others of"))
"""`one man … the other`, `one of them`: a part of several."""
_VOICES = ("voice", "speaker", "narrator")
"""How many speak is seldom said."""
_PERSONS = ("people", "duo", "pair", "couple", "trio", "group", "crew", "team", "family")
_LOOSE = 0.12
_ORDINALS = listing("zeroth first second third fourth fifth sixth seventh eighth ninth tenth")


def wrong_counts(case: Case) -> Iterator[Problem]:
    """Numbers of the claim that no cited line has, and counts of things that differ from the lines'."""
    for mention in case.claim.mentions:
        number = mention.number
        if mention.determiner == "the" and mention.head in _PERSONS:
            continue
        if number is not None and number.high == 1 and not _OTHERS.isdisjoint(case.claim.forms):
            continue
        if mention.head in _VOICES:
            continue
        if number is None or mention.determiner in ("each", "every"):
            continue
        found = [(line, line.sentence.mentions[at]) for line, at in find_mentions(mention, case.cited)]
        slack = (
            _LOOSE
            if any(form in _ABOUT for form in case.claim.forms[max(0, mention.start - 1) : mention.place])
            else 0.0
        )
        if _is_written(case.claim, mention):
            yield from _figure(case, mention, number, found, slack)
        elif number.low == number.high == 1 and mention.tag != "NS" and found:
            yield from _single(case.claim, mention, found)
    yield from _loose_figures(case)


def _is_written(sentence: Sentence, mention: Mention) -> bool:
    """Whether a number word stands there, more than `a`."""
    if mention.collective and mention.collective not in ("piece", "slice"):
        return True
    return any(
        sentence.tags[at] == "CD"
        or (
            parse_number([sentence.forms[at]]) is not None
            and sentence.forms[at] not in ("a", "an", "some", "single", "lone", "solitary")
        )
        for at in range(mention.start, mention.place + 1)
    )


def _figure(
    case: Case, mention: Mention, number: Quantity, found: Sequence[tuple[Line, Mention]], slack: float
) -> Iterator[Problem]:
    counted = [other.number for _, other in found if other.number is not None]
    if any(number.admits(other, slack) for other in counted) or (found and _adds_up(case, mention, number)):
        return
    if _adds_up(case, mention, number):
        return
    is_exact = number.is_exact
    if found and counted and not any(other.high >= MANY for other in counted):
        yield Problem(ProblemKind.NUMBER, _said(number, mention), EXACT if is_exact else VAGUE)
    elif found and is_exact and not (number.low > 1 and not counted and _figures(case, number, slack)):
        plural = [other for _, other in found if other.is_plural]
        if counted or (number.low > 1 and not plural):
            yield Problem(ProblemKind.NUMBER, _said(number, mention), EXACT)
    elif not found and is_exact and number.low > 1 and not _figures(case, number, slack):
        yield Problem(ProblemKind.NUMBER, _said(number, mention), EXACT)


def _single(claim: Sentence, mention: Mention, found: Sequence[tuple[Line, Mention]]) -> Iterator[Problem]:
    """`a boat` where the lines have two and no single one."""
    stressed = any(
        claim.forms[at] in ("single", "lone", "solitary", "only")
        for at in range(mention.start, mention.place)
    )
    if mention.head in COLLECTIVE or meaning(mention.head, "n").kind in ("noun.group", "noun.time"):
        return
    several = [other for _, other in found if other.is_plural]
    if len(several) == len(found) and all(
        other.number is not None and other.number.low > 1 for other in several
    ):
        yield Problem(ProblemKind.NUMBER, _said(Quantity(1, 1), mention), EXACT if stressed else ONE_OF_MANY)


def _adds_up(case: Case, mention: Mention, number: Quantity) -> bool:
    """`two people` of a man and a woman: members of the lines' phrases that are of the claim's kind."""
    if any(
        other.number is not None and other.number.is_exact and other.number.low > 1
        for _, other in _exactly(case, mention)
    ):
        return False
    if not number.is_exact:
        low = high = 0.0
        for line in case.cited:
            low, high = _sum(mention, line.sentence)
            if low and number.low <= high and low <= number.high and low > 1:
                return True
        return False
    total = 0.0
    for line in case.cited:
        low, high = _sum(mention, line.sentence)
        if low != high:
            continue
        if low == number.low:
            return True
        total += low
    return total == number.low and not list(_exactly(case, mention))


def _exactly(case: Case, mention: Mention) -> Iterator[tuple[Line, Mention]]:
    """Where the cited lines have the claim's very word, or a synonym of it."""
    for line, at in find_mentions(mention, case.cited):
        other = line.sentence.mentions[at]
        if likeness(mention.head, "n", other.head, "n") == 1.0:
            yield line, other


def _sum(mention: Mention, sentence: Sentence) -> tuple[float, float]:
    low = high = 0.0
    for other in sentence.mentions:
        if other.is_pronoun or not (
            likeness(mention.head, "n", other.head, "n") >= 0.9 or _are_persons(mention, other)
        ):
            continue
        count = other.number or (Quantity(2, MANY) if other.tag == "NS" else Quantity(1, 1))
        low, high = low + count.low, high + count.high
    return low, high


def _are_persons(claim: Mention, source: Mention) -> bool:
    """Two customers may be a man and a student, if the claim has a name of its own for them."""
    persons = ("noun.person", "noun.group") if claim.head in _PERSONS else ("noun.person",)
    return (
        meaning(claim.head, "n").kind in persons
        and meaning(source.head, "n").kind in ("noun.person", "")
        and not opposed(claim.head, source.head)
    )


def _figures(case: Case, number: Quantity, slack: float) -> bool:
    """Whether a cited line has the number anywhere, as words or an ordinal."""
    return any(number.admits(other, slack) for line in case.cited for other in numbers_of(line.sentence))


def numbers_of(sentence: Sentence) -> list[Quantity]:
    """All numbers of a sentence: runs of number words, each word of them, ordinals."""
    found: list[Quantity] = []
    run: list[str] = []
    for form, tag in zip((*sentence.forms, ""), (*sentence.tags, ""), strict=True):
        if tag == "CD" or (run and form in ("and", "hundred", "a")) or form in ("dozen", "half"):
            run.append(form)
            continue
        if run:
            runs = [*split_numbers(run), *([word] for word in run)]
            found += [value for words in runs if (value := parse_number(words)) is not None]
            run = []
        if form in _ORDINALS:
            found.append(Quantity(_ORDINALS.index(form), _ORDINALS.index(form)))
    found += [
        mention.number
        for mention in sentence.mentions
        if mention.number is not None and mention.number.low > 1
    ]
    return found


def _loose_figures(case: Case) -> Iterator[Problem]:
    """Numbers that belong to no noun phrase with a head of its own: `the score is 3 to 2`, `at gate nine`."""
    wanted: list[Quantity] = []
    run: list[str] = []
    heads = {
        at
        for mention in case.claim.mentions
        for at in range(mention.start, mention.place)
        if mention.number is not None
    }
    for at, (form, tag) in enumerate(zip((*case.claim.forms, ""), (*case.claim.tags, ""), strict=True)):
        if tag == "CD" and at not in heads and form != "one":
            run.append(form)
        elif run:
            wanted += [value for words in split_numbers(run) if (value := parse_number(words)) is not None]
            run = []
    for value in wanted:
        if not _figures(case, value, 0.0):
            yield Problem(ProblemKind.NUMBER, f"no cited line has {value.low:g}", EXACT)


def _said(number: Quantity, mention: Mention) -> str:
    low = f"{number.low:g}" if number.is_exact else f"{number.low:g} or more"
    return f"{low} {mention.head}"

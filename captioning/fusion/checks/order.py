"""What comes first: the claim's before, after and then beside the times and the order of the lines."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captioning.fusion.checks.case import Case, Line, carried
from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.problems import Problem, ProblemKind
from captioning.fusion.checks.sentence import Sentence, Word
from captioning.fusion.checks.topics import WEIGHTS, Topic, topic
from captioning.fusion.lexicon.meaning import meaning
from captioning.fusion.lexicon.relatedness import relatedness

REVERSED = 0.8
CLEARER = 0.12
"""The lines must carry the two doings this much better the other way round (of 2: each doing counts 1)."""
LEAST = 0.25
"""A doing lies nowhere if no part of a line carries more of its words."""
HINT = 1.5
"""How much definitions that agree count beside the words themselves."""
SURE = 0.75
_DOINGS = ("noun.state", "noun.act", "noun.event", "noun.communication", "noun.phenomenon")
_FIRST_THEN = (
    "then",
    "finally",
    "afterwards",
    "later",
    "followed_by",
    "eventually",
    "subsequently",
    "next",
    "precede",
    "precedes",
    "after_which",
)
_BEFORE = ("before", "until", "till", "prior_to")
_MEANWHILE = ("while", "as", "whereas")
_AFTER = ("after", "once", "as_soon_as", "since")


@dataclass(frozen=True, slots=True)
class Sequel:
    """Words of what comes first and of what comes second."""

    first: tuple[Word, ...]
    second: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """A part of a line: its span of tokens and its number among the line's parts."""

    line: Line
    span: tuple[int, int]
    part: int


def wrong_order(case: Case) -> Iterator[Problem]:
    """Two doings that the lines tell in the other order."""
    found = sequels(case.claim.text)
    if not found:
        return
    places = [
        _Place(line, span, part)
        for line in (*case.cited, *case.others)
        for part, span in enumerate(parts(line.source.text))
    ]
    for sequel in found:
        both = {word.lemma for word in sequel.first} & {word.lemma for word in sequel.second}
        first = [word for word in sequel.first if word.lemma not in both]
        second = [word for word in sequel.second if word.lemma not in both]
        forward, backward = _best(first, second, places)
        if backward > forward + CLEARER:
            detail = f"{_text(sequel.first)} before {_text(sequel.second)}"
            yield Problem(ProblemKind.ORDER, detail, REVERSED)


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.form for word in words)


def _best(first: Sequence[Word], second: Sequence[Word], places: Sequence[_Place]) -> tuple[float, float]:
    """How well parts of the lines carry both doings in the claim's order, and in the other one."""
    one, other = [_fit(first, place) for place in places], [_fit(second, place) for place in places]
    forward = max(map(max, zip(one, other, strict=True)), default=0.0)
    backward = 0.0
    for at, before in enumerate(places):
        for then, after in enumerate(places):
            if at == then or not _is_before(before, after):
                continue
            forward = max(forward, one[at] + other[then])
            if min(other[at], one[then]) >= LEAST:
                backward = max(backward, other[at] + one[then])
    for at, place in enumerate(places):
        for then, elsewhere in enumerate(places):
            if not _is_before(place, elsewhere) and not _is_before(elsewhere, place):
                forward = max(forward, one[at] + other[then])
    return forward, backward


def _is_before(one: _Place, other: _Place) -> bool:
    if one.line is other.line:
        forms = one.line.sentence.forms
        start, end = sorted((one.span[0], other.span[0]))
        return one.part < other.part and not any(form in _MEANWHILE for form in forms[start : end + 1])
    mine, theirs = one.line.source, other.line.source
    if (
        mine.end_s > mine.start_s
        and theirs.end_s > theirs.start_s
        and (mine.start_s, mine.end_s) != (theirs.start_s, theirs.end_s)
    ):
        middle = (mine.end_s - mine.start_s + theirs.end_s - theirs.start_s) / 8
        return mine.start_s + middle < theirs.start_s
    return mine.modality == theirs.modality and int(mine.line[1:] or 0) < int(theirs.line[1:] or 0)


def _fit(words: Sequence[Word], place: _Place) -> float:
    """The share of the words that a part of a line carries."""
    got = total = 0.0
    for word in words:
        weight = _weight(word)
        if not weight:
            continue
        total += weight
        got += weight * _told(word, place)
    return got / total if total else 0.0


def _told(word: Word, place: _Place) -> float:
    """How far a part of a line tells of a word, or of one defined alike."""
    score = carried(word, place.line.source.text, place.span)
    if score < SURE:
        score = max(
            (
                min(SURE, HINT * relatedness(word.lemma, word.pos, other.lemma, other.pos))
                for other in place.line.sentence.words
                if place.span[0] <= other.place < place.span[1]
            ),
            default=score,
        )
    return score


def _weight(word: Word) -> float:
    """Doings tell where in a line one is; who does them, less so."""
    kind = topic(word.lemma, word.pos, word.is_name)
    if kind is Topic.FRAME:
        return 0.3 if word.pos == "v" and word.phrases else 0.0
    if word.pos == "v" or (word.pos == "n" and meaning(word.lemma, "n").kind in _DOINGS):
        return 1.0
    return 0.8 * WEIGHTS[kind]


@functools.lru_cache(maxsize=1024)
def parts(text: str) -> tuple[tuple[int, int], ...]:
    """Spans of tokens that tell one doing each, in the order in which they happen."""
    sentence = parse(text)
    spans = _spans(sentence)
    for at in range(1, len(spans)):
        if sentence.forms[spans[at][0]] in _AFTER:
            spans[at - 1], spans[at] = spans[at], spans[at - 1]
    if len(spans) > 1 and sentence.forms[spans[0][0]] in _BEFORE:
        spans[0], spans[1] = spans[1], spans[0]
    return tuple(spans)


def _spans(sentence: Sentence) -> list[tuple[int, int]]:
    """Stretches of tokens between boundaries; each has a verb or is what `then` adds."""
    cuts = [0]
    for at, (form, tag) in enumerate(zip(sentence.forms, sentence.tags, strict=True)):
        if at and (
            form in (*_FIRST_THEN, ";", ".", ",")
            or tag == "SC"
            or form in (*_BEFORE, *_AFTER)
            or (
                form == "and"
                and any(event.start >= at and event.start <= at + 3 for event in sentence.events)
            )
        ):
            cuts.append(at)
    spans = []
    for start, end in zip(cuts, (*cuts[1:], len(sentence.forms)), strict=True):
        if any(sentence.tags[at] not in ("PUN", "CC", "R", "SC") for at in range(start, end)):
            spans.append((start, end))
    return spans


@functools.lru_cache(maxsize=1024)
def sequels(text: str) -> tuple[Sequel, ...]:
    """Pairs of stretches of a claim that it puts in an order."""
    sentence = parse(text)
    forms, tags = sentence.forms, sentence.tags
    found = []
    for at, form in enumerate(forms):
        if form not in (*_FIRST_THEN, *_BEFORE, *_AFTER) or (form == "since" and tags[at] == "R"):
            continue
        left, right = _side(sentence, at, -1), _side(sentence, at, 1)
        if form in (*_BEFORE, *_AFTER) and (not left or tags[at - 1] in ("CC", "PUN")):
            comma = next((place for place in range(at, len(forms)) if forms[place] == ","), None)
            if comma is None:
                continue
            left, right = _words(sentence, comma, len(forms)), _words(sentence, at + 1, comma)
        if form in (*_BEFORE, *_AFTER) and not _opens_doing(sentence, at):
            continue
        if not left or not right or (form != "followed_by" and not (_tells(left) and _tells(right))):
            continue
        found.append(Sequel(right, left) if form in _AFTER else Sequel(left, right))
    return tuple(found)


def _opens_doing(sentence: Sentence, at: int) -> bool:
    """Whether what stands after an order word happens: not in `after dark`, `after breakfast`."""
    following = [word for word in sentence.words if word.place > at][:3]
    if any(tag in ("SC", "BE", "HAVE", "PRP") for tag in sentence.tags[at : at + 4]):
        return True
    return _tells(following) and bool(following) and (len(following) > 1 or following[0].place > at + 1)


def _tells(words: Sequence[Word]) -> bool:
    """Whether the words tell of something that happens."""
    return any(word.pos == "v" or meaning(word.lemma, word.pos).kind in _DOINGS for word in words)


def _side(sentence: Sentence, at: int, step: int) -> tuple[Word, ...]:
    """The words between an order word and the next one, or the end."""
    marks = {*_FIRST_THEN, *_BEFORE, *_AFTER, ".", ";", "while", "as"}
    if sentence.forms[at] in ("until", "till"):
        marks.add(",")
    other = at + step
    while 0 <= other < len(sentence.forms) and sentence.forms[other] not in marks:
        other += step
    return _words(sentence, other + 1, at) if step < 0 else _words(sentence, at + 1, other)


def _words(sentence: Sentence, start: int, end: int) -> tuple[Word, ...]:
    return tuple(word for word in sentence.words if start <= word.place < end)

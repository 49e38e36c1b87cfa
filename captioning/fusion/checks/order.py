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

REVERSED = 0.9
ENOUGH = 0.5
"""A part of the claim lies where at least this share of its words does."""
BETTER = 0.15
SURE = 0.75
_DOINGS = ("noun.state", "noun.act", "noun.event", "noun.communication", "noun.phenomenon")
_FIRST_THEN = ("then", "finally", "afterwards", "later", "followed_by", "eventually", "subsequently", "next")
_BEFORE = ("before", "until", "till")
_AFTER = ("after", "once", "as_soon_as", "since")


@dataclass(frozen=True, slots=True)
class Sequel:
    """Words of what comes first and of what comes second."""

    first: tuple[Word, ...]
    second: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something is told: line, part of the line, time."""

    line: Line
    number: int
    part: int | None
    score: float


def wrong_order(case: Case) -> Iterator[Problem]:
    """Two doings that the lines tell in the other order."""
    for sequel in sequels(case.claim.text):
        first, second = _locate(case, sequel.first), _locate(case, sequel.second)
        if first is None or second is None:
            continue
        if _is_before(second, first) and not _is_before(first, second):
            detail = f"{_text(sequel.first)} before {_text(sequel.second)}"
            yield Problem(ProblemKind.ORDER, detail, REVERSED)


def _text(words: Sequence[Word]) -> str:
    return " ".join(word.form for word in words)


def _is_before(one: _Place, other: _Place) -> bool:
    if one.line is other.line:
        return one.part is not None and other.part is not None and one.part < other.part
    mine, theirs = one.line.source, other.line.source
    if (
        mine.end_s > mine.start_s
        and theirs.end_s > theirs.start_s
        and (mine.start_s, mine.end_s) != (theirs.start_s, theirs.end_s)
    ):
        middle = (mine.end_s - mine.start_s + theirs.end_s - theirs.start_s) / 8
        return mine.start_s + middle < theirs.start_s
    return one.line.modality == other.line.modality and one.number < other.number


def _locate(case: Case, words: Sequence[Word]) -> _Place | None:
    """The line, and the part of it where one stands out, that carries most of the words."""
    weights = [_weight(word) for word in words]
    total = sum(weights)
    if not total:
        return None
    lines = sorted(
        (*case.cited, *case.others), key=lambda line: (line.modality, int(line.source.line[1:] or 0))
    )
    places = []
    for number, line in enumerate(lines):
        scores = [
            sum(weight * _told(word, line, span) for word, weight in zip(words, weights, strict=True)) / total
            for span in parts(line.source.text)
        ]
        whole = (
            sum(weight * _told(word, line, None) for word, weight in zip(words, weights, strict=True)) / total
        )
        best = max(range(len(scores)), key=lambda part: scores[part])
        stands_out = all(scores[best] > score + BETTER for part, score in enumerate(scores) if part != best)
        places.append(_Place(line, number, best if stands_out else None, whole))
    places.sort(key=lambda place: -place.score)
    if not places or places[0].score < ENOUGH:
        return None
    if len(places) > 1 and places[1].score > places[0].score - BETTER:
        return None
    return places[0]


def _told(word: Word, line: Line, span: tuple[int, int] | None) -> float:
    """How far a line tells of a word; what only reminds of it does not place it."""
    score = carried(word, line.source.text, span)
    return score if score >= SURE else 0.0


def _weight(word: Word) -> float:
    """Doings tell where in a line one is; who does them, less so."""
    kind = topic(word.lemma, word.pos, word.is_name)
    if kind is Topic.FRAME:
        return 0.3 if word.pos == "v" and word.phrases else 0.0
    if word.pos == "v" or (word.pos == "n" and meaning(word.lemma, "n").kind in _DOINGS):
        return 1.0
    return 0.4 * WEIGHTS[kind]


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
        if not left or not right or (form != "followed_by" and not (_tells(left) and _tells(right))):
            continue
        found.append(Sequel(right, left) if form in _AFTER else Sequel(left, right))
    return tuple(found)


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

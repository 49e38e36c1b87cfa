"""A claim with the lines it cites and the others, parsed, and how far each of its words is carried."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from captioning.fusion.checks.parsing import parse
from captioning.fusion.checks.reports import Report, reports
from captioning.fusion.checks.sentence import Sentence, Word
from captioning.fusion.checks.topics import Topic, topic
from captioning.fusion.lexicon.inflection import lemma
from captioning.fusion.lexicon.likeness import likeness
from captioning.fusion.lexicon.wordlists import synonyms, words
from captioning.fusion.lexicon.wordnet import Pos
from captioning.records import Modality, SourceLine

CARRIED = 0.9
"""Support from which on a word needs no more."""


@dataclass(frozen=True, slots=True)
class Line:
    """A source line and its parse."""

    source: SourceLine
    sentence: Sentence

    @property
    def modality(self) -> Modality:
        """Which caption the line is of."""
        return self.source.modality


@dataclass(frozen=True, slots=True)
class WordSupport:
    """A content word of a claim: its topic, how far each cited line carries it (0..1) and whether it is
    part of what somebody is reported to say; `elsewhere` is the best of the lines that are not cited, for
    words that the cited ones do not carry."""

    word: Word
    topic: Topic
    by_line: tuple[float, ...]
    reported: bool
    elsewhere: float

    @property
    def score(self) -> float:
        """The best of the cited lines."""
        return max(self.by_line, default=0.0)


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks look at."""

    claim: Sentence
    cited: tuple[Line, ...]
    others: tuple[Line, ...]
    words: tuple[WordSupport, ...]
    reports: tuple[Report, ...]

    def cited_of(self, modality: Modality) -> tuple[Line, ...]:
        """The cited lines of a modality."""
        return tuple(line for line in self.cited if line.modality == modality)


def make_case(text: str, cited: Sequence[SourceLine], others: Sequence[SourceLine]) -> Case:
    """Parse a claim and its lines."""
    claim = parse(text)
    lines = tuple(Line(source, parse(source.text)) for source in cited)
    told = reports(text)
    reported = {place for report in told for place in report.places}
    return Case(
        claim=claim,
        cited=lines,
        others=tuple(Line(source, parse(source.text)) for source in others),
        words=tuple(_support(word, lines, others, word.place in reported) for word in claim.words),
        reports=told,
    )


def _support(word: Word, lines: Sequence[Line], others: Sequence[SourceLine], reported: bool) -> WordSupport:
    by_line = tuple(carried(word, line.source.text) for line in lines)
    elsewhere = 0.0
    if max(by_line, default=0.0) < CARRIED:
        elsewhere = max((carried(word, source.text) for source in others), default=0.0)
    return WordSupport(word, _topic(word), by_line, reported, elsewhere)


def _topic(word: Word) -> Topic:
    """The topic of a word; participles may tell of feelings, their verbs do not."""
    if word.form in words("emotions"):
        return Topic.EMOTION
    return topic(word.lemma, word.pos, word.is_name)


def carried(word: Word, text: str, span: tuple[int, int] | None = None) -> float:
    """How far a line, or a span of its tokens, carries a word: 0..1."""
    return _carried(word.lemma, word.pos, word.form, word.phrases, text, span)


@functools.lru_cache(maxsize=16384)
def _carried(
    name: str, pos: Pos, form: str, phrases: tuple[str, ...], text: str, span: tuple[int, int] | None
) -> float:
    names = [(name, pos), *((phrase, pos) for phrase in phrases)]
    if form != name and form in synonyms():
        names.append((form, pos))
    doing = _doing(pos, form)
    if doing:
        names.append((doing, "v"))
    best = 0.0
    for other, kind, written, place in _source_words(text):
        if span is not None and not span[0] <= place < span[1]:
            continue
        if other in (name, form) or written in (name, form) or other in phrases:
            return 1.0
        for one, as_pos in names:
            found = likeness(one, as_pos, other, kind)
            if found > best:
                best = found
        if best == 1.0:
            break
    return best


def _doing(pos: Pos, form: str) -> str | None:
    """The verb of a participle that stands as an adjective or noun: smiling, broken, clanking."""
    if pos == "v" or not form.endswith(("ing", "ed", "en")):
        return None
    verb = lemma(form, "v")
    return verb if verb != form else None


@functools.lru_cache(maxsize=1024)
def _source_words(text: str) -> tuple[tuple[str, Pos, str, int], ...]:
    """(Lemma or compound, part of speech, form, place) of a line's words and pronouns."""
    return tuple(_each(parse(text)))


def _each(line: Sentence) -> Iterator[tuple[str, Pos, str, int]]:
    for word in line.words:
        yield word.lemma, word.pos, word.form, word.place
        for name in word.phrases:
            yield name, word.pos, word.form, word.place
        if doing := _doing(word.pos, word.form):
            yield doing, "v", word.form, word.place
    for place, (form, tag) in enumerate(zip(line.forms, line.tags, strict=True)):
        if tag in ("PRP", "PRPS"):
            yield form, "n", form, place

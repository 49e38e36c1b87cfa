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
from captioning.fusion.lexicon.wordlists import synonyms
from captioning.fusion.lexicon.wordnet import Pos
from captioning.records import Modality, SourceLine


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
    part of what somebody is reported to say; `elsewhere` is the best of the lines that are not cited."""

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
        words=tuple(
            WordSupport(
                word=word,
                topic=topic(word.lemma, word.pos, word.is_name),
                by_line=tuple(carried(word, line.source.text) for line in lines),
                reported=word.place in reported,
                elsewhere=max((carried(word, source.text) for source in others), default=0.0),
            )
            for word in claim.words
        ),
        reports=told,
    )


@functools.lru_cache(maxsize=16384)
def carried(word: Word, text: str, span: tuple[int, int] | None = None) -> float:
    """How far a line, or a span of its tokens, carries a word: 0..1."""
    names = [(word.lemma, word.pos), *((phrase, word.pos) for phrase in word.phrases)]
    if word.form != word.lemma and word.form in synonyms():
        names.append((word.form, word.pos))
    doing = _doing(word)
    if doing:
        names.append((doing, "v"))
    forms = (word.lemma, word.form)
    best = 0.0
    for other, pos, form, place in _source_words(text):
        if span is not None and not span[0] <= place < span[1]:
            continue
        if other in forms or form in forms or other in word.phrases:
            return 1.0
        for name, kind in names:
            best = max(best, likeness(name, kind, other, pos))
        if best == 1.0:
            break
    return best


def _doing(word: Word) -> str | None:
    """The verb of a participle that stands as an adjective or noun: smiling, broken, clanking."""
    if word.pos == "v" or not word.form.endswith(("ing", "ed", "en")):
        return None
    verb = lemma(word.form, "v")
    return verb if verb != word.form else None


@functools.lru_cache(maxsize=1024)
def _source_words(text: str) -> tuple[tuple[str, Pos, str, int], ...]:
    """(Lemma or compound, part of speech, form, place) of a line's words and pronouns."""
    return tuple(_each(parse(text)))


def _each(line: Sentence) -> Iterator[tuple[str, Pos, str, int]]:
    for word in line.words:
        yield word.lemma, word.pos, word.form, word.place
        for name in word.phrases:
            yield name, word.pos, word.form, word.place
        if doing := _doing(word):
            yield doing, "v", word.form, word.place
    for place, (form, tag) in enumerate(zip(line.forms, line.tags, strict=True)):
        if tag in ("PRP", "PRPS"):
            yield form, "n", form, place

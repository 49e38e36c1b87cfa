"""Words of scripts with and without spaces: counted, joined, and given times where there are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from captioning.records import Span
from captioning.speech.heard import Word

CHARS_PER_WORD = 1.5
"""Ideographs to a word of running Chinese text, roughly."""
LETTERS_PER_WORD = 3.0
"""Letters to a word in other scripts without spaces (kana, Thai, Lao, Khmer, Burmese), roughly."""
LONG_WORD_S = 0.8
"""Words are rarely longer; one that is has a pause in it."""

_IDEOGRAPHS = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002ffff"
_LETTERS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff"
_UNSPACED = re.compile(f"[{_IDEOGRAPHS}{_LETTERS}]")
_IDEOGRAPH = re.compile(f"[{_IDEOGRAPHS}]")
_TOKEN = re.compile(rf"[{_IDEOGRAPHS}{_LETTERS}][^\w\s]*|[^\s{_IDEOGRAPHS}{_LETTERS}]+")


def tokens(text: str) -> list[str]:
    """A text in words, or in single characters with what punctuation follows them where a script has no
    spaces."""
    return _TOKEN.findall(text)


def num_words(text: str) -> float:
    """How many words a text has, estimated from its characters where no spaces part them."""
    parts = tokens(text)
    ideographs = sum(1 for part in parts if _IDEOGRAPH.match(part))
    letters = sum(1 for part in parts if _UNSPACED.match(part)) - ideographs
    spaced = sum(1 for part in parts if not _UNSPACED.match(part) and any(map(str.isalnum, part)))
    return spaced + ideographs / CHARS_PER_WORD + letters / LETTERS_PER_WORD


def joined(texts: Iterable[str]) -> str:
    """Words as running text: with spaces, but for between characters of scripts that have none."""
    line = ""
    for text in texts:
        touches = _UNSPACED.match(text) or not any(map(str.isalnum, text))
        line += "" if not line or (touches and _UNSPACED.search(line[-2:])) else " "
        line += text
    return line


def overlap_s(start_s: float, end_s: float, speech: Sequence[Span]) -> float:
    """Seconds of speech between two times."""
    return sum(max(0.0, min(end_s, span.end_s) - max(start_s, span.start_s)) for span in speech)


def spread(text: str, start_s: float, end_s: float, speech: Sequence[Span], confidence: float) -> list[Word]:
    """The words of a text with times: each has a share of the speech between two times that goes by its
    length, and none goes on across a pause. Where there is no speech they share the whole stretch."""
    parts = tokens(text)
    parted = [
        (max(start_s, span.start_s), min(end_s, span.end_s))
        for span in speech
        if min(end_s, span.end_s) > max(start_s, span.start_s)
    ] or [(start_s, end_s)]
    length_s = sum(last - first for first, last in parted)
    chars = sum(map(len, parts))
    done = 0
    words: list[Word] = []
    for part in parts:
        along_s = length_s * done / chars
        done += len(part)
        words.append(Word(*_in_one(parted, along_s, length_s * done / chars), part, confidence))
    return words


def fitted(words: Iterable[Word], speech: Sequence[Span]) -> list[Word]:
    """The words without what of them reaches into a pause: alignment stretches the word before or after.

    A long word keeps the span of speech that it shares most with; one that is all pause stays as it is.
    """
    return [_fitted(word, speech) if word.end_s - word.start_s > LONG_WORD_S else word for word in words]


def _fitted(word: Word, speech: Sequence[Span]) -> Word:
    shared = [(overlap_s(word.start_s, word.end_s, (span,)), span) for span in speech]
    longest_s, best = max(shared, key=lambda each: each[0], default=(0.0, None))
    if best is None or not longest_s:
        return word
    return replace(word, start_s=max(word.start_s, best.start_s), end_s=min(word.end_s, best.end_s))


def _in_one(stretches: Sequence[tuple[float, float]], from_s: float, to_s: float) -> tuple[float, float]:
    """Where what lies from `from_s` to `to_s` in stretches put end to end is in time, as far as it is in the
    one that has most of it."""
    before_s, most_s = 0.0, -1.0
    found = stretches[0]
    for start_s, end_s in stretches:
        first_s = max(start_s, start_s + from_s - before_s)
        last_s = min(end_s, start_s + to_s - before_s)
        if last_s - first_s > most_s:
            most_s, found = last_s - first_s, (first_s, max(first_s, last_s))
        before_s += end_s - start_s
    return found

"""The hand-made lists in words/: what WordNet lacks for captions."""

from __future__ import annotations

import functools
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "words"


@functools.cache
def synonyms() -> dict[str, frozenset[str]]:
    """Word -> the words that share a line with it."""
    found: dict[str, set[str]] = {}
    for line in _lines("synonyms"):
        words = line.split()
        for word in words:
            found.setdefault(word, set()).update(words)
    return {word: frozenset(others) for word, others in found.items()}


@functools.cache
def broader() -> dict[str, frozenset[str]]:
    """Word -> the general words that it counts as."""
    found: dict[str, set[str]] = {}
    for general, specifics in _pairs("broader"):
        for specific in specifics:
            found.setdefault(specific, set()).add(general)
    return {word: frozenset(generals) for word, generals in found.items()}


@functools.cache
def evidence() -> dict[str, frozenset[str]]:
    """Word -> what it is evidence of, though it is no kind of it."""
    found: dict[str, set[str]] = {}
    for general, specifics in _pairs("evidence"):
        for specific in specifics:
            found.setdefault(specific, set()).add(general)
    return {word: frozenset(generals) for word, generals in found.items()}


@functools.cache
def opposites() -> dict[str, frozenset[str]]:
    """Word -> the words that exclude it."""
    found: dict[str, set[str]] = {}
    for line in _lines("opposites"):
        left, right = (side.split() for side in line.split("|"))
        for one, other in ((left, right), (right, left)):
            for word in one:
                found.setdefault(word, set()).update(other)
    for line in _lines("exclusive"):
        group = line.split()
        for word in group:
            found.setdefault(word, set()).update(other for other in group if other != word)
    return {word: frozenset(others) for word, others in found.items()}


@functools.cache
def colours() -> dict[str, frozenset[str]]:
    """Colour word -> the colours that it may be called."""
    found: dict[str, set[str]] = {}
    for colour, shades in _pairs("colours"):
        found.setdefault(colour, set()).add(colour)
        for shade in shades:
            found.setdefault(shade, set()).update((shade, colour))
    return {word: frozenset(names) for word, names in found.items()}


@functools.cache
def speech_acts() -> dict[str, frozenset[str]]:
    """Word of reporting -> words and marks of the speech that it may report."""
    return {act: frozenset(cues) for acts, cues in _pairs("speech_acts") for act in acts.split()}


@functools.cache
def words(name: str) -> frozenset[str]:
    """A plain list: `frame`, `relations`, `emotions`."""
    return frozenset(word for line in _lines(name) for word in line.split())


def _pairs(name: str) -> list[tuple[str, list[str]]]:
    pairs = [line.split(":", 1) for line in _lines(name)]
    return [(key.strip(), values.split()) for key, values in pairs]


def _lines(name: str) -> list[str]:
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def listing(text: str) -> tuple[str, ...]:
    """The words of a list that is written as a text."""
    return tuple(text.split())

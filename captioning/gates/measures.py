"""What is measured of a text."""

from __future__ import annotations

from captioning.speech.words import tokens

_RUN = 4


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation around them; single characters of scripts that
    have no spaces."""
    stripped = ("".join(char if char.isalnum() or char in "'’" else " " for char in text.lower())).split()
    return [token for part in stripped for token in tokens(part.strip("'’"))]


def repetition(text: str) -> float:
    """Share (0..1) of the runs of four words, or characters of scripts without spaces, that stood in the text
    before: 0 where nothing repeats, near 1 where a model went round in circles."""
    found = words(text)
    runs = [tuple(found[start : start + _RUN]) for start in range(len(found) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0

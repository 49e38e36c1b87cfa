"""What is measured of a text."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_RUN = 4


def words(text: str) -> list[str]:
    """The words of a text, in lower case. Scripts without spaces count as a word per sentence."""
    return _WORD.findall(text.lower())


def repetition(text: str) -> float:
    """Share (0..1) of the runs of four words that stood in the text before: 0 where nothing repeats, near 1
    where a model went round in circles."""
    found = words(text)
    runs = [tuple(found[start : start + _RUN]) for start in range(len(found) - _RUN + 1)]
    return 1 - len(set(runs)) / len(runs) if runs else 0.0

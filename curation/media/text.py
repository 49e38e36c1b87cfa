"""Text out of untrusted files, made fit for tables, logs and terminals."""

from __future__ import annotations

import re
import unicodedata

_INSIDE_A_WORD = re.compile(r"(?<=\w)[\u200c\u200d](?=\w)|(?<=[\u0900-\u0dff])[\u200c\u200d]")
"""Zero-width joiners and non-joiners, with which Persian and Indic scripts spell."""


def plain_text(text: str, max_chars: int) -> str:
    """One line of visible text: control, formatting and private characters become spaces, but for joiners
    inside of words; runs of white space become one space, and what is longer than `max_chars` is cut with an
    ellipsis."""
    kept = {found.start() for found in _INSIDE_A_WORD.finditer(text)}
    visible = "".join(
        " " if unicodedata.category(char)[0] in "CZ" and at not in kept else char
        for at, char in enumerate(text)
    )
    line = unicodedata.normalize("NFC", " ".join(visible.split()))
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"

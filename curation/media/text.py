"""Text out of untrusted files, made fit for tables, logs and terminals."""

from __future__ import annotations

import unicodedata


def plain_text(text: str, max_chars: int) -> str:
    """One line of visible text: control, formatting and private characters become spaces, runs of white
    space one space, and what is longer than `max_chars` is cut with an ellipsis."""
    visible = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = unicodedata.normalize("NFC", " ".join(visible.split()))
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"

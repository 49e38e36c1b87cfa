"""Which keys of samples are read, whoever made them, and how a member's name splits into key and type."""

from __future__ import annotations

import re
import unicodedata

MAX_KEY_BYTES = 512
"""In UTF-8: more than any usual path, little enough for a line of a log."""
_SPLIT = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)", re.DOTALL)
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,512}")
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, lone surrogates, and separators of lines and paragraphs."""


def split_name(name: str) -> tuple[str, str] | None:
    """Key and extension of a member's name, None if it has no such parts.

    The rule is WebDataset's: the key reaches to the first dot of the base name, so folders may have
    dots. Extensions are given in lower case.
    """
    found = _SPLIT.fullmatch(name)
    return (found[1], found[2].lower()) if found else None


def key_problem(key: str) -> str | None:
    """What is wrong with a key, None if nothing is: it is no absolute path, leads nowhere upwards, is
    printable and of bounded length."""
    if _PLAIN.fullmatch(key):
        return None
    if any(unicodedata.category(character) in _UNPRINTABLE for character in key):
        return f"key {key!r} has odd characters"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"key {key[:40]!r}… has more than {MAX_KEY_BYTES} bytes"
    if key.startswith("/"):
        return f"key {key!r} is an absolute path"
    if any(part in ("", ".", "..") for part in key.split("/")):
        return f"key {key!r} has an empty part or leads elsewhere"
    return None

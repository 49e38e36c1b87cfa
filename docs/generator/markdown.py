"""Markdown that all generated pages share."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

HEAD = "<!-- Written by `python -m docs.generate`; do not edit. -->\n"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A table, line by line, with an empty line after it."""
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


def docstring(cls: type) -> str:
    """The docstring of a class as one paragraph."""
    return escaped(" ".join((inspect.getdoc(cls) or "").split()))


def escaped(text: str) -> str:
    """Text whose angle brackets, outside code, are not taken for HTML."""
    parts = text.split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


def file_of(cls: type) -> str:
    """The file that a class is defined in."""
    return f"`{cls.__module__.replace('.', '/')}.py`"

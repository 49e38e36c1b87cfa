"""Strangers' texts and large numbers for a terminal."""

from __future__ import annotations


def plain(text: object, most: int = 400) -> str:
    """A text on one line, what could steer a terminal escaped, and cut where it is long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[:most])
    return shown if len(str(text)) <= most else shown + "…"


def size_text(size_bytes: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def duration_text(duration_s: float) -> str:
    """Seconds as hours or minutes where they are many."""
    if duration_s >= 3600:
        return f"{duration_s / 3600:.1f} h"
    return f"{duration_s / 60:.1f} min" if duration_s >= 60 else f"{duration_s:.1f} s"

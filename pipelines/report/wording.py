"""Numbers, times and hostile texts as a person reads them."""

from __future__ import annotations

import time
import unicodedata

BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
REPLACEMENT = "\ufffd"
BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def count(number: float) -> str:
    """12345 as '12,345'."""
    return f"{number:,.0f}"


def plural(number: int, noun: str) -> str:
    """'1 clip', '12,345 clips'."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def quantity(value: float) -> str:
    """A value of a histogram: as many decimals as tell it from its neighbours."""
    if value == int(value) or abs(value) >= 1000:
        return count(value)
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """'0.4 s', '42 s', '3 min 20 s', '2 h 5 min', '1,234 h'."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(whole / 60), 60)
    if hours >= 100:
        return f"{count(seconds / 3600)} h"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def clock(seconds: float) -> str:
    """A place in a source: '0:07.4', '1:02:07.4'."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def size(num_bytes: float) -> str:
    """'812 bytes', '35 MB', '1.2 GB' (powers of 1000)."""
    for unit in BYTE_UNITS:
        if num_bytes < 1000 or unit == BYTE_UNITS[-1]:
            break
        num_bytes /= 1000
    return f"{num_bytes:.1f} {unit}" if unit != "bytes" and num_bytes < 10 else f"{num_bytes:.0f} {unit}"


def moment(unix_s: float) -> str:
    """A time in UTC: '2026-11-21 10:15:02 UTC'."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_s))


def words(name: str) -> str:
    """'not_media' as 'not media'."""
    return name.replace("_", " ")


def shown(text: str, limit: int) -> str:
    """Foreign text for the page: control characters and those that turn the direction of writing
    become visible, one for one, and what is longer than `limit` characters ends in an ellipsis."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t\r":
        return " "
    if character in BIDI_CONTROLS or unicodedata.category(character) in ("Cc", "Cs"):
        return REPLACEMENT
    return character

"""Values from a child that is not trusted, checked one by one."""

from __future__ import annotations

import math
from typing import Any

MAX_PTS = 1 << 62


def whole(value: Any, *, least: int = 0, most: int = 1 << 20) -> int:
    """An integer in a range.

    Raises:
        ValueError: it is not one.
    """
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{value!r:.40} instead of a whole number in {least}..{most}")
    return value


def pts(value: Any) -> int:
    """A timestamp in units of some time base.

    Raises:
        ValueError: it is not one.
    """
    return whole(value, least=-MAX_PTS, most=MAX_PTS)


def measure(value: Any) -> float:
    """A finite number that is not negative.

    Raises:
        ValueError: it is not one.
    """
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r:.40} instead of a number from 0 up")
    return float(value)

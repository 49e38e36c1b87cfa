"""Whether text is shown on screen, in words, from the rows of writing in several frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from captioning.facts import fact, when
from captioning.records import Segment
from curation.filters.measures.text_rows import TextRow

SAME_PLACE = 0.4
"""Overlap (intersection over union) of two rows from which on they are the same writing."""
LIKELY = 0.85
POSSIBLE = 0.4
ABSENT = 0.5
"""Confidence without a find: much writing is too small, large or crooked for the detector."""
MIN_LETTERS_ALONE = 8
"""Letters that make a row count though no other frame confirms it."""


def text_facts(rows: Sequence[tuple[float, Sequence[TextRow]]], duration_s: float) -> list[Segment]:
    """One sentence, from the rows found at each time (seconds); none without frames."""
    if not rows:
        return []
    times = [time_s for time_s, _ in rows]
    slack_s = duration_s / len(rows)
    steady = [[row for row in found if _elsewhere(row, rows, index)] for index, (_, found) in enumerate(rows)]
    seen = [time_s for time_s, found in zip(times, steady, strict=True) if found]
    if seen:
        count = round(float(np.median([_num_lines(found) for found in steady if found])))
        what = "1 line" if count == 1 else f"{count} lines"
        span = when(seen[0], seen[-1], duration_s, slack_s)
        return [fact(seen[0], seen[-1], f"Text is likely shown on screen{span} ({what}).", LIKELY)]
    long = [time_s for time_s, found in rows if any(row.num_letters >= MIN_LETTERS_ALONE for row in found)]
    if long:
        text = f"Text is possibly shown on screen at {long[0]:.1f} s."
        return [fact(long[0], long[-1], text, POSSIBLE)]
    return [fact(0, duration_s, "No text was found on screen.", ABSENT)]


def _num_lines(rows: Sequence[TextRow]) -> int:
    """Rows that lie beside each other are one line."""
    count, reached = 0, 0.0
    for row in sorted(rows, key=lambda row: row.top):
        count += (row.top + row.bottom) / 2 > reached
        reached = max(reached, row.bottom)
    return count


def _elsewhere(row: TextRow, rows: Sequence[tuple[float, Sequence[TextRow]]], own: int) -> bool:
    """Whether the frame before or after has writing in the same place."""
    neighbours = [rows[index][1] for index in (own - 1, own + 1) if 0 <= index < len(rows)]
    return any(_overlap(row, other) >= SAME_PLACE for found in neighbours for other in found)


def _overlap(one: TextRow, other: TextRow) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(row.right - row.left) * (row.bottom - row.top) for row in (one, other)]
    return across * down / (sum(areas) - across * down)

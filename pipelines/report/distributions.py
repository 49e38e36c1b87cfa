"""Histograms with round edges, in which a long tail does not squeeze the rest into one bar."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.report.data import Bin, Histogram

MOST_BINS = 16
ROUND_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TAIL_QUANTILE = 0.99
TAIL_FACTOR = 2.0
"""Where the largest value is so many times the 99th percentile, the last bin is open-ended."""


def histogram(
    title: str, x_label: str, y_label: str, values: NDArray[np.float64], *, whole: bool = False
) -> Histogram | None:
    """The histogram of some values, None of none; `whole` ones (counts) get bins of whole numbers."""
    if not len(values):
        return None
    ordered = np.sort(values)
    low, high = float(ordered[0]), float(ordered[-1])
    top = high
    tail = float(np.quantile(ordered, TAIL_QUANTILE))
    if len(ordered) > MOST_BINS and high > TAIL_FACTOR * tail > 0:
        top = tail
    step = round_step(top - low if top > low else max(abs(low), 1.0) / MOST_BINS, MOST_BINS - 2, whole=whole)
    first = math.floor(low / step) * step
    num_bins = max(1, math.floor((top - first) / step) + 1)
    edges = [round(first + i * step, 9) for i in range(num_bins + 1)]
    return Histogram(
        title=title,
        x_label=x_label,
        y_label=y_label,
        bins=tuple(_bins(ordered, edges, single=whole and step == 1)),
        minimum=low,
        median=float(np.median(ordered)),
        maximum=high,
    )


def round_step(extent: float, most: int, *, whole: bool = False) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that covers `extent` in `most` steps."""
    ideal = extent / most
    power = 10.0 ** math.floor(math.log10(ideal)) if ideal > 0 else 1.0
    step = next(power * factor for factor in ROUND_STEPS if power * factor >= ideal * (1 - 1e-9))
    return max(1.0, float(math.ceil(step))) if whole else step


def _bins(ordered: NDArray[np.float64], edges: list[float], *, single: bool) -> Iterator[Bin]:
    places = np.searchsorted(ordered, edges, side="left")
    last = len(edges) - 2
    for i, (low, high) in enumerate(itertools.pairwise(edges)):
        open_ended = i == last and places[-1] < len(ordered)
        end = len(ordered) if open_ended else places[i + 1]
        yield Bin(
            low=low,
            high=high,
            count=int(end - places[i]),
            single=single and not open_ended,
            open_ended=open_ended,
        )

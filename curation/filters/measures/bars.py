"""Black bars around a picture (letterbox, pillarbox)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curation.filters.measures.pictures import Image

BLACK_LEVEL = 24
"""Highest luma (0..255) of a bar; encoders add a few levels of noise to black."""
BLACK_SHARE = 0.98
"""Share of a line's pixels that must be black: edges ring into the bar."""
EDGE_PX = 3
LIT_SHARE = 0.5
"""A bar ends at an edge: of one of the next `EDGE_PX` lines at least this share is lit. A logo, a window or
a lamp on black have no bars around them."""


def bars_share(brightest: Image) -> float:
    """Share of a picture (0..1) that black bars at its sides take.

    `brightest` is the highest luma (0..255) that each pixel has at any time, so that a dark scene is no bar.
    1 where all is black.
    """
    lit = brightest > BLACK_LEVEL
    top, bottom = _bars(lit)
    if top == len(lit):
        return 1.0
    left, right = _bars(lit[top : len(lit) - bottom].T)
    height, width = lit.shape
    inside = (height - top - bottom) * (width - left - right)
    return float(1.0 - inside / (height * width))


def _bars(lit: NDArray[np.bool_]) -> tuple[int, int]:
    """Lines of the bars at the beginning and at the end; all lines at the beginning where nothing is lit."""
    share = lit.mean(axis=1)
    shown = np.flatnonzero(share > 1 - BLACK_SHARE)
    if not len(shown):
        return len(lit), 0
    first, last = int(shown[0]), int(shown[-1])
    begins = share[first : first + EDGE_PX].max() >= LIT_SHARE
    ends = share[max(0, last + 1 - EDGE_PX) : last + 1].max() >= LIT_SHARE
    return first if begins else 0, len(lit) - 1 - last if ends else 0

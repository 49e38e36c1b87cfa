"""Who stands for whom: of like elements the first in rank, and only for those that are like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curation.dedup.components import Numbers

MAX_ROUNDS = 64
"""Elements of one component that come to stand for others. Copies need one or two; a chain that needs more is
footage that changes slowly, and the rest of it stands for itself."""

Alike = Callable[[Numbers, Numbers], NDArray[np.bool_]]
"""Which of the pairs (a[i], b[i]) are alike."""


def stands_for(roots: Numbers, alike: Alike) -> Numbers:
    """For each element, the one that stands for it, itself where none does.

    Elements are numbered by rank and `roots` gives the component of each. The first of a component stands
    for those that are like it; the first of those that are not, for what is like that one; and so on. So
    likeness is not passed along a chain: no element is far from the one that stands for it.
    """
    result = np.arange(len(roots))
    sizes = np.bincount(roots, minlength=len(roots))
    open_ = np.flatnonzero(sizes[roots] > 1)
    for _ in range(MAX_ROUNDS):
        _, first, component = np.unique(roots[open_], return_index=True, return_inverse=True)
        leaders = open_[first][component]
        others = open_ != leaders
        open_, leaders = open_[others], leaders[others]
        if not len(open_):
            break
        like = alike(open_, leaders)
        result[open_[like]] = leaders[like]
        open_ = open_[~like]
    return result

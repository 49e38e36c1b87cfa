"""Who stands for whom: of like elements the first in rank, and only for those that are like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from curation.dedup.components import Numbers

Alike = Callable[[Numbers, Numbers], NDArray[np.bool_]]
"""Which of the pairs (a[i], b[i]) are alike."""


def stands_for(roots: Numbers, alike: Alike) -> Numbers:
    """For each element, the one that stands for it, itself where none does.

    Elements are numbered by rank and `roots` gives the component of each. The first of a component stands
    for those that are like it; the first of those that are not, for what is like that one; and so on. So
    likeness is not passed along a chain: no element is far from the one that stands for it.

    Each round settles the first of every component, and all that is like it: there are as many rounds as one
    component has elements that stand for others or for themselves, and at most half of n * n pairs of its n
    elements are compared. Copies need one or two rounds; footage that changes slowly needs many.
    """
    result = np.arange(len(roots))
    sizes = np.bincount(roots, minlength=len(roots))
    open_ = np.argsort(roots, kind="stable")
    open_ = open_[sizes[roots[open_]] > 1]
    while len(open_):
        component = roots[open_]
        firsts = np.flatnonzero(np.diff(component, prepend=-1))
        leaders = np.repeat(open_[firsts], np.diff(firsts, append=len(open_)))
        others = open_ != leaders
        open_, leaders = open_[others], leaders[others]
        like = alike(open_, leaders)
        result[open_[like]] = leaders[like]
        open_ = open_[~like]
    return result

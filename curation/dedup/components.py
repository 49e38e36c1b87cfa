"""Union-find in bulk: arrays of pairs go in, and connected components are known at any time."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.int64]


class Components:
    """A forest over 0..count-1, in which each element hangs below a smaller one, or is a root."""

    def __init__(self, count: int) -> None:
        self._above: Numbers = np.arange(count)

    def roots(self, elements: Numbers | None = None) -> Numbers:
        """The smallest element of the component of each of some elements, by default of all.

        All paths of these elements are followed at once, and shortened on the way: where one leads over
        others of them, its length halves at each step.
        """
        chosen = slice(None) if elements is None else elements
        found = self._above[chosen]
        while True:
            higher = self._above[found]
            if np.array_equal(higher, found):
                return found
            self._above[chosen] = found = higher

    def join(self, a: Numbers, b: Numbers) -> None:
        """Make the components of each pair one.

        Roots are hung below smaller roots, all at once, until no pair is left between two.
        """
        while True:
            a, b = self.roots(a), self.roots(b)
            apart = a != b
            if not apart.any():
                return
            a, b = a[apart], b[apart]
            np.minimum.at(self._above, np.maximum(a, b), np.minimum(a, b))
            self.roots(np.concatenate([a, b]))

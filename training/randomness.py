"""Random numbers that depend on what is drawn for, never on where or in which order.

Rank, worker, thread and batch position take no part, so the same sample gets the same crop and
mask in epoch e however the work is spread, and a resumed run draws what an undisturbed one would.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def step_seed(seed: int, step: int, rank: int) -> int:
    """A seed for torch's generator in one step of one process: for what need not repeat on other numbers of
    processes, such as dropped paths."""
    from shards.reading.randomness import integer

    return integer(2**63, "step", seed, step, rank)


@dataclass(frozen=True)
class Draw:
    """One view of one sample in one epoch: all that its randomness may depend on.

    `source` names the sample's data set in a mixture; it takes no part in the randomness.
    """

    seed: int
    epoch: int
    sample: str
    view: int = 0
    source: str = ""

    @property
    def key(self) -> tuple[int, ...]:
        """The same as numbers, for functions that take such a key."""
        sample = int.from_bytes(hashlib.blake2b(self.sample.encode(), digest_size=8).digest(), "little")
        return self.seed, self.epoch, sample, self.view

    def uniform(self, purpose: str, count: int) -> NDArray[np.float64]:
        """Numbers in [0, 1) for one purpose ("crop"…), independent of those for others."""
        from shards.reading.randomness import uniform

        return uniform(count, purpose, *self.key)

    def permutation(self, purpose: str, count: int) -> NDArray[np.int64]:
        """A permutation of range(count) for one purpose."""
        from shards.reading.randomness import permutation

        return permutation(count, purpose, *self.key)

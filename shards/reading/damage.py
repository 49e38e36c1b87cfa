"""How much damage a reader bears, judged by what it has drawn itself: it knows of no other's finds."""

from __future__ import annotations

import math
from collections import OrderedDict

CHANCE = 2.0
"""Standard deviations by which a few draws may exceed the limit by chance (of a Poisson distribution)."""
SHARD_SAMPLES = 1024
"""Damaged samples are borne up to this number while they are within the reader's part of what the whole pass
may have: a shard that was cut off comes as so many in a row."""
KEPT_PASSES = 4


class DamageCount:
    """Counts, by pass, the samples that a reader draws and those of them that are damaged.

    `max_fraction` is the limit, `num_readers` (ranks times workers) divide a pass among them. It is not for
    several threads at once.
    """

    def __init__(self, max_fraction: float, num_readers: int) -> None:
        self.num_readers = num_readers
        self._max_fraction = max_fraction
        self._passes: OrderedDict[int, list[int]] = OrderedDict()

    def draw(self, epoch: int, *, damaged: bool) -> None:
        """Count a sample of a pass."""
        counts = self._passes.setdefault(epoch, [0, 0])
        counts[0] += 1
        counts[1] += damaged
        if len(self._passes) > KEPT_PASSES:
            self._passes.popitem(last=False)

    def of(self, epoch: int) -> tuple[int, int]:
        """Samples drawn in a pass, and the damaged ones among them."""
        drawn, damaged = self._passes.get(epoch, (0, 0))
        return drawn, damaged

    def allowed(self, epoch: int, num_samples: int) -> int:
        """Damaged samples that are borne by now in a pass of `num_samples`; at least one."""
        expected = self._max_fraction * self.of(epoch)[0]
        part = self._max_fraction * num_samples / self.num_readers
        return int(max(1 + expected + CHANCE * math.sqrt(expected), min(part, SHARD_SAMPLES)))

    def restart(self) -> None:
        """Forget what was drawn."""
        self._passes.clear()

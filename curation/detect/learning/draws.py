"""Random draws that the synthesis of samples is made of."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable
from itertools import accumulate
from math import exp, log
from typing import Generic, TypeVar

import numpy as np

from curation.detect.pictures import Floats

T = TypeVar("T")


class Shares(Generic[T]):
    """Things to choose from, each with its share of the draws (of the sum of all shares)."""

    def __init__(self, pairs: Iterable[tuple[T, float]]) -> None:
        pairs = tuple(pairs)
        self.items = tuple(item for item, _ in pairs)
        self._until = tuple(accumulate(share for _, share in pairs))

    def draw(self, rng: np.random.Generator) -> T:
        """One of the things."""
        return self.items[bisect(self._until, rng.random() * self._until[-1], hi=len(self.items) - 1)]


def log_uniform(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number in [low, high], small ones as often per octave as large ones; low >= 1."""
    return min(high, int(exp(rng.uniform(log(low), log(high + 1)))))


def sign(rng: np.random.Generator) -> int:
    """1 or -1."""
    return 1 if rng.random() < 0.5 else -1


_EASINGS: Shares[Callable[[Floats], Floats]] = Shares(
    [
        (lambda t: t, 0.6),
        (lambda t: t * t * (3 - 2 * t), 0.2),
        (lambda t: t**1.7, 0.1),
        (lambda t: 1 - (1 - t) ** 1.7, 0.1),
    ]
)


def progress(rng: np.random.Generator, num_frames: int) -> Floats:
    """How far a transition has come in each of its mixed frames: rising, inside (0, 1)."""
    if num_frames == 1:
        return rng.uniform(0.3, 0.7, 1).astype(np.float32)
    steps = np.linspace(0, 1, num_frames + 2, dtype=np.float32)[1:-1]
    return _EASINGS.draw(rng)(steps)

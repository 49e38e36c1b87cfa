"""Draws windows for training: shots of a pool, composed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from curation.detect.learning.augment import drawn_sample
from curation.detect.learning.compose import Composed
from curation.detect.learning.pool import ShotPool

Frames = npt.NDArray[np.uint8]


_SHARES = {"footage": 0.35, "picture": 0.25}
"""How often a shot is drawn from real footage and from pictures, where the pool has any; the rest is
procedural. Real ones are few, and what they look like counts for more."""

_PROCEDURAL = "procedural"


class PoolSource:
    """Gives stretches of a pool's shots; one that is too short runs to its end and back again."""

    def __init__(self, pool: ShotPool) -> None:
        self._pool = pool
        self._families: dict[str, list[int]] = defaultdict(list)
        origins: dict[str, list[int]] = defaultdict(list)
        for number in range(len(pool)):
            info = pool.info(number)
            origins[info.kind if info.kind in _SHARES else _PROCEDURAL].append(number)
            if info.family is not None:
                self._families[info.family].append(number)
        self._origins = list(origins.values())
        rest = 1 - sum(_SHARES[origin] for origin in origins if origin in _SHARES)
        shares = np.array([_SHARES.get(origin, rest) for origin in origins])
        self._shares = shares / shares.sum()

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[Frames, int]:
        """`num_frames` frames of a random shot, or of one of the same family as shot number `like`, and the
        shot's number."""
        number = self._any(rng) if like is None else self._relative(rng, like)
        frames = self._pool.frames(number)
        if len(frames) < num_frames:
            there_and_back = np.concatenate([frames, frames[-2:0:-1]])
            frames = np.concatenate([there_and_back] * (num_frames // len(there_and_back) + 1))
        first = int(rng.integers(len(frames) - num_frames + 1))
        return np.array(frames[first : first + num_frames]), number

    def _any(self, rng: np.random.Generator) -> int:
        origin = self._origins[int(rng.choice(len(self._origins), p=self._shares))]
        return origin[int(rng.integers(len(origin)))]

    def _relative(self, rng: np.random.Generator, like: int) -> int:
        family = self._pool.info(like).family
        return like if family is None else int(rng.choice(self._families[family]))


def windows(pool: ShotPool, num_frames: int, seed: int, worker: int) -> Iterator[Composed]:
    """Endless windows of `num_frames` frames, which depend on the pool, the seed and the worker only."""
    import cv2

    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, worker])
    source = PoolSource(pool)
    while True:
        yield drawn_sample(rng, source, num_frames)

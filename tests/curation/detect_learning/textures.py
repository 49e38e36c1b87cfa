"""A source of shots that needs no footage: windows that glide over smooth random pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from curation.detect.learning.pixels import smooth_noise
from curation.detect.learning.settings import ComposeSettings

BARE = ComposeSettings(
    quiet_windows=0,
    disturbed_shots=0,
    same_scene=0,
    recoloured=0,
    graded_windows=0,
    slide_windows=0,
    edge_windows=0,
)
"""Nothing but shots and transitions."""


class Textures:
    """Shots of `num_shots` pictures; `given` are those handed out, in order."""

    def __init__(self, num_shots: int = 30, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._pictures = [
            (
                np.stack([smooth_noise(rng, 60, 110, int(rng.integers(3, 9))) for _ in range(3)], -1) * 255
            ).astype(np.uint8)
            for _ in range(num_shots)
        ]
        self.given: list[tuple[npt.NDArray[np.uint8], int]] = []
        self.asked_like: list[int | None] = []

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[npt.NDArray[np.uint8], int]:
        number = int(rng.integers(len(self._pictures))) if like is None else like
        speed, start = rng.normal(0, 0.1, 2), rng.uniform(8, 22, 2)
        tops, lefts = (
            np.clip(start[i] + speed[i] * np.arange(num_frames), 0, 30).astype(int) for i in (0, 1)
        )
        picture = self._pictures[number]
        frames = np.stack([picture[y : y + 27, x : x + 48] for y, x in zip(tops, lefts, strict=True)])
        self.given.append((frames, number))
        self.asked_like.append(like)
        return frames, number

"""A stretch of a shot in which something happens that is no transition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.pictures import Floats


@dataclass(frozen=True)
class Episode:
    """`frames` [frames, height, width, 3] of a shot, which are left as they are; whether what happens
    `lasts` to the end of the shot, of which these are then the last frames; and `foreign`, which
    returns so many frames of another shot."""

    frames: Frames
    lasts: bool
    foreign: Callable[[int], Frames]

    def envelope(self, rng: np.random.Generator, longest_rise: int) -> Floats:
        """Strength in each frame: 0..1, rising at once or over up to so many frames, and falling so at the
        end unless it lasts."""
        num = len(self.frames)
        rise = 0 if rng.random() < 0.4 else int(rng.integers(1, longest_rise + 1))
        steps = np.arange(1, num + 1, dtype=np.float32) / (rise + 1)
        strength = np.minimum(steps, 1)
        return strength if self.lasts else np.minimum(strength, strength[::-1])


Happen = Callable[[np.random.Generator, Episode], Frames]

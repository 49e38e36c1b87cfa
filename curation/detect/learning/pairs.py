"""How a shot relates to the one before: another scene, the same one from elsewhere, or alike in colour."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.cuts import differences
from curation.detect.learning.draws import Shares, sign
from curation.detect.learning.pixels import affine, looked_up, warped

MIN_DIFFERENCE = 2.0
"""Least mean absolute RGB difference (0..255) at a labelled change; two dark shots hardly exceed it."""
MIN_RELATIVE_DIFFERENCE = 0.3
"""Least share of that difference in the contrast of the two pictures."""
MIN_OF_MOTION = 3.0
"""How often a change within one scene must exceed the motion around it to be called a cut."""

_MOTION_FRAMES = 5


class ShotSource(Protocol):
    """Where shots come from."""

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[Frames, int]:
        """So many consecutive frames [num_frames, 27, 48, 3] of a shot, and the shot's number.

        With `like`, of a shot of the same scene as that number, which may be another stretch of it.
        """
        ...


def differ(outgoing: Frames, incoming: Frames, same_scene: bool) -> bool:
    """Whether a change from the last frame of one stretch to the first of the other is plain to see.

    Frames of one scene must differ more than they do by motion alone.
    """
    before, after = outgoing[-1].astype(np.float32), incoming[0].astype(np.float32)
    apart = float(np.abs(after - before).mean())
    contrast = float(before.std() + after.std()) / 2 + 1
    if apart < MIN_DIFFERENCE or apart < MIN_RELATIVE_DIFFERENCE * contrast:
        return False
    if not same_scene:
        return True
    motion = np.concatenate(
        [differences(outgoing[-_MOTION_FRAMES:])[1:], differences(incoming[:_MOTION_FRAMES])[1:]]
    )
    return apart >= MIN_OF_MOTION * float(motion.max(initial=0))


def seen_from_elsewhere(rng: np.random.Generator, frames: Frames) -> Frames:
    """The same scene through another camera: mirrored, nearer, further to one side, or all of these."""
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    zoom = rng.uniform(1.15, 2.5) if rng.random() < 0.8 else 1.0
    right, down = (rng.uniform(0.1, 0.5) * sign(rng) * length for length in (48, 27))
    return warped(frames, affine(frames, zoom, right, down))


def recoloured(frames: Frames, reference: Frames) -> Frames:
    """A shot given the mean and the deviation, channel by channel, of a picture of another.

    After the colour transfer of TransNetV2's training (arXiv 2008.04838, section 4).
    """
    source = frames[0].reshape(-1, 3).astype(np.float32)
    target = reference.reshape(-1, 3).astype(np.float32)
    gain = np.clip(target.std(0) / (source.std(0) + 1), 0.2, 4)
    levels = np.arange(256, dtype=np.float32)[:, None]
    table = (levels - source.mean(0)) * gain + target.mean(0)
    return looked_up(frames, np.clip(table + 0.5, 0, 255).astype(np.uint8))


def _dark(rng: np.random.Generator) -> Frames:
    levels = np.arange(256) * rng.uniform(0.06, 0.3) + rng.uniform(0, 12)
    return levels.astype(np.uint8)


def _pale(rng: np.random.Generator) -> Frames:
    middle = rng.uniform(30, 225)
    levels = middle + (np.arange(256) - rng.uniform(90, 160)) * rng.uniform(0.12, 0.4)
    table: Frames = np.clip(levels, 0, 255).astype(np.uint8)
    return table


_GRADES = Shares([(_dark, 0.6), (_pale, 0.4)])


class Graded:
    """A source all of whose shots are dark, or of low contrast, in the same way."""

    def __init__(self, rng: np.random.Generator, shots: ShotSource) -> None:
        self._shots = shots
        self._table = _GRADES.draw(rng)(rng)

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[Frames, int]:
        """A shot of the source, graded."""
        frames, number = self._shots(rng, num_frames, like)
        return looked_up(frames, self._table), number

"""Tiny generated clips whose label is the motion and nothing else.

A camera turns before a scene that closes on itself, sideways or upwards, in steps of an eighth of the way
round. The label says by how many steps it turns from one frame to the next: one or three, forwards or
backwards. Neither shares a divisor with eight, so in eight frames every motion shows each of the eight views
once. For one draw of everything else

- the clips of all labels have the same frames, in another order: no set of frames carries the label, whatever
  its shapes, colours and axis, and a clip with shuffled frames is as likely under each label;
- the first view is any of the eight, equally likely, and so is that at any other time: no single frame
  carries the label either, even where its time is known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NUM_FRAMES = 8
SIZE_PX = 32
STEP_PX = SIZE_PX // NUM_FRAMES
MOTIONS = (1, -1, 3, -3)
"""Steps from one frame to the next, by label."""
WAVES = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Times that each wave of a scene goes up and down, along its columns and along its rows."""
WAVE_CONTRAST = 25.0
"""Deviation of a wave's amplitude in each colour, of 255."""
NUM_SHAPES = 3
RADII_PX = (3.0, 6.0)


@dataclass(frozen=True)
class MotionClips:
    """Clips uint8 [N, T, H, W, 3] and their labels int64 [N], indices into `MOTIONS`."""

    video_uint8: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def shuffled(self, seed: int) -> MotionClips:
        """The same clips, each with its frames in an order of its own: the control without a label."""
        random = np.random.default_rng((seed, 1))
        orders = random.permuted(np.tile(np.arange(NUM_FRAMES), (len(self), 1)), axis=1)
        return MotionClips(self.video_uint8[np.arange(len(self))[:, None], orders], self.labels)


def make_clips(seed: int, count: int) -> MotionClips:
    """Clips 0 to `count` of a seed; each label as often as the others, in random order."""
    labels = np.random.default_rng((seed, 0)).permutation(np.arange(count) % len(MOTIONS))
    videos = [draw_clip(seed, number, int(label)) for number, label in enumerate(labels)]
    return MotionClips(np.stack(videos), labels.astype(np.int64))


def draw_clip(seed: int, number: int, label: int) -> NDArray[np.uint8]:
    """One clip, uint8 [T, H, W, 3]; the label decides the order of its frames only."""
    random = np.random.default_rng((seed, number, 2))
    scene = _scene(random)
    axis, start = int(random.integers(2)), int(random.integers(NUM_FRAMES))
    return np.stack([np.roll(scene, int(view) * STEP_PX, axis) for view in views(label, start)])


def views(label: int, start: int) -> NDArray[np.int64]:
    """The views 0 to 7, in the order in which a motion shows them."""
    return (start + MOTIONS[label] * np.arange(NUM_FRAMES)) % NUM_FRAMES


def _scene(random: np.random.Generator) -> NDArray[np.uint8]:
    """Waves of random phase and colour under discs and squares; opposite edges fit: uint8 [H, W, 3]."""
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX] * 2 * np.pi / SIZE_PX
    scene = np.full((SIZE_PX, SIZE_PX, 3), random.uniform(70, 185, size=3))
    for down, right in WAVES:
        wave = np.cos(down * rows + right * columns + random.uniform(0, 2 * np.pi))
        scene += wave[..., None] * random.normal(0, WAVE_CONTRAST, size=3)
    for _ in range(NUM_SHAPES):
        cover = _shape(random)
        scene = scene * (1 - cover) + random.uniform(0, 255, size=3) * cover
    return scene.clip(0, 255).round().astype(np.uint8)


def _shape(random: np.random.Generator) -> NDArray[np.float64]:
    """How much of each pixel a disc or a square covers, 0..1; opposite edges fit: [H, W, 1]."""
    centre, radius_px = random.uniform(0, SIZE_PX, size=2), random.uniform(*RADII_PX)
    away = np.abs(np.moveaxis(np.mgrid[0:SIZE_PX, 0:SIZE_PX] + 0.5, 0, -1) - centre)
    away = np.minimum(away, SIZE_PX - away)
    distance = np.hypot(away[..., 0], away[..., 1]) if random.integers(2) else away.max(axis=-1)
    return np.clip(0.5 + radius_px - distance, 0, 1)[..., None]

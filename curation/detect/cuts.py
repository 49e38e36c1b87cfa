"""Hard cuts: a difference between neighbouring frames that stands out from those around it."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Block, Frames
from curation.detect.pictures import Floats, correlation, luma
from curation.detect.transitions import Transition

_NEIGHBOURS = 3
_FLOOR = 1.0
_MAX_CORRELATION = 0.7
_SETTLE_FRAMES = 3
_SETTLE_SHARE = 0.5

CONTEXT_FRAMES = 2 * _NEIGHBOURS + 1
"""Frames that must be known on either side of the one that is judged."""


def differences(frames: Frames) -> Floats:
    """Mean absolute RGB difference (0..255) between each frame and the one before; 0 for the first."""
    result = np.zeros(len(frames), np.float32)
    steps = np.abs(frames[1:].astype(np.int16) - frames[:-1])
    result[1:] = steps.mean((1, 2, 3))
    return result


def cuts_in(block: Block, min_difference: float, min_ratio: float) -> list[Transition]:
    """Cuts whose incoming frame lies in the block's core.

    A frame opens a shot if it differs from the one before by at least `min_difference` (mean absolute
    RGB difference, 0..255) and by `min_ratio` times the mean difference of the three frames on either
    side, if the pictures share no structure, and if what comes after differs from what came before as
    well (a flash returns to what it interrupted).
    """
    change = differences(block.frames)
    found = []
    for index in range(max(1, block.core_start - block.offset), block.core_end - block.offset):
        if change[index] < min_difference:
            continue
        ratio = change[index] / (_around(change, index) + _FLOOR)
        if ratio < min_ratio or not _pictures_differ(block.frames, index, float(change[index])):
            continue
        frame = block.offset + index
        found.append(Transition(frame - 1, frame, "cut", float(1 - 1 / ratio)))
    return found


def _around(change: Floats, index: int) -> float:
    """Mean difference of the neighbours; the first frame of a stream has none."""
    before = change[max(1, index - _NEIGHBOURS) : index]
    after = change[index + 1 : index + 1 + _NEIGHBOURS]
    neighbours = np.concatenate([before, after])
    return float(neighbours.mean()) if len(neighbours) else 0.0


def _pictures_differ(frames: Frames, index: int, change: float) -> bool:
    before = frames[max(0, index - _SETTLE_FRAMES) : index].astype(np.int16)
    after = frames[index : index + _SETTLE_FRAMES].astype(np.int16)
    apart = np.abs(before[:, None] - after[None, :]).mean((2, 3, 4))
    if apart.min() < _SETTLE_SHARE * change:
        return False
    return correlation(luma(frames[index - 1]), luma(frames[index])) < _MAX_CORRELATION

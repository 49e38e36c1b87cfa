"""Dissolves: for a while every frame is a mix of the frames at both ends, in proportion to time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Block
from curation.detect.pictures import Floats, luma
from curation.detect.transitions import Transition

_WINDOWS_S = (0.35, 0.7, 1.4)
_MAX_WINDOW = 96
_MIN_WINDOW = 8
_MIN_DIFFERENCE = 12.0
_MAX_CORRELATION = 0.55
_MIN_CONTRAST = 4.0
_MIN_SLOPE = 0.3

CONTEXT_FRAMES = 2 * _MAX_WINDOW
"""Frames that must be known on either side of the middle of a dissolve."""


@dataclass(frozen=True)
class _Mix:
    """A window [start, end] of frames whose inner frames are mixes of its ends; `residual` is how far
    they are from that, as a share of the difference between the ends."""

    start: int
    end: int
    residual: float


def dissolves_in(block: Block, frames_per_s: float, max_residual: float) -> list[Transition]:
    """Dissolves whose middle lies in the block's core.

    Windows of three lengths slide over the frames. One holds (part of) a dissolve if the frames at a
    quarter, half and three quarters are the linear mix of its ends within `max_residual` of the ends'
    difference, and if the ends show different things: motion is not linear in the pixels, and a title or
    a change of light keeps the structure. The best window is then grown to where the mixing stops.
    """
    pictures = block.frames.astype(np.float32)
    found: list[Transition] = []
    for mix in _best_windows(pictures, frames_per_s, max_residual):
        start, end = _extent(pictures, mix)
        middle = block.offset + (start + end) // 2
        if block.core_start <= middle < block.core_end and end > start + 1:
            found.append(Transition(block.offset + start, block.offset + end, "gradual", 1 - mix.residual))
    return found


def _best_windows(pictures: Floats, frames_per_s: float, max_residual: float) -> list[_Mix]:
    """The window with the least residual of each run of overlapping windows."""
    grey = luma(pictures)
    grey = grey - grey.mean((1, 2), keepdims=True)
    energy = (grey * grey).sum((1, 2))
    has_structure = energy > _MIN_CONTRAST**2 * grey[0].size
    mixes: list[_Mix] = []
    for seconds in _WINDOWS_S:
        length = min(_MAX_WINDOW, max(_MIN_WINDOW, 4 * round(seconds * frames_per_s / 4)))
        count = len(pictures) - length
        if count <= 0:
            continue
        before, after = pictures[:count], pictures[length:]
        apart = np.abs(before - after).mean((1, 2, 3))
        shared = (grey[:count] * grey[length:]).sum((1, 2)) / np.sqrt(energy[:count] * energy[length:] + 1.0)
        candidates = np.flatnonzero(
            (apart >= _MIN_DIFFERENCE)
            & (shared < _MAX_CORRELATION)
            & has_structure[:count]
            & has_structure[length:]
        )
        for start in candidates.tolist():
            residual = _residual(pictures[start : start + length + 1]) / float(apart[start])
            if residual < max_residual:
                mixes.append(_Mix(start, start + length, residual))
    return _least_of_each_run(mixes)


def _residual(window: Floats) -> float:
    """Largest mean distance of the inner quarters from the linear mix of the ends."""
    length = len(window) - 1
    first, last = window[0], window[-1]
    distances = []
    for quarter in (1, 2, 3):
        share = quarter / 4
        mixed = first * (1 - share) + last * share
        distances.append(float(np.abs(window[length * quarter // 4] - mixed).mean()))
    return max(distances)


def _least_of_each_run(mixes: list[_Mix]) -> list[_Mix]:
    best: list[_Mix] = []
    run_end = -1
    for mix in sorted(mixes, key=lambda each: (each.start, each.end)):
        if mix.start > run_end:
            best.append(mix)
        elif mix.residual < best[-1].residual:
            best[-1] = mix
        run_end = max(run_end, mix.end)
    return best


def _extent(pictures: Floats, mix: _Mix) -> tuple[int, int]:
    """Last frame before and first frame after the mixing, by the share of the later picture in each frame
    around the window: the mixing lasts for as long as that share rises."""
    length = mix.end - mix.start
    low, high = max(0, mix.start - length), min(len(pictures), mix.end + length + 1)
    step = pictures[mix.end] - pictures[mix.start]
    share = ((pictures[low:high] - pictures[mix.start]) * step).sum((1, 2, 3)) / (step * step).sum()
    min_rise = _MIN_SLOPE / length
    start = end = (mix.start + mix.end) // 2 - low
    while start >= 1 and share[start] - share[start - 1] >= min_rise:
        start -= 1
    while end + 1 < len(share) and share[end + 1] - share[end] >= min_rise:
        end += 1
    return low + start, low + end

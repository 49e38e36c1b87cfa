"""Fades through black, white or any flat picture: the contrast of the luma sinks to nothing and returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curation.detect.blocks import Frames
from curation.detect.pictures import luma
from curation.detect.transitions import Transition

FLAT_CONTRAST = 2.5
"""Standard deviation of the luma (0..255) below which a frame is flat."""

MAX_FLAT_FRAMES = 3000
"""Flat frames, two minutes at 25 per second, from which on a flat stretch is no part of a transition but a
shot of its own, so that nothing waits for its end."""

_LOOK_AHEAD_S = 0.1
_MIN_GROWTH = 0.03
_MIN_RISE = 0.2
_MIN_RAMP_S = 0.1
_MIN_FLAT_S = 0.2


def contrast(frames: Frames) -> list[float]:
    """Standard deviation of the luma (0..255) of each frame."""
    deviations: list[float] = luma(frames).std((1, 2)).tolist()
    return deviations


def fades(contrasts: Sequence[float], frames_per_s: float, flat_before: int = 0) -> list[Transition]:
    """Gradual transitions around runs of flat frames.

    Args:
        contrasts: `contrast` of the frames of the stream, or of those from some frame on.
        frames_per_s: how fast the frames follow each other.
        flat_before: how many flat frames lie right before them.

    From a run of flat frames a fade reaches outward for as long as the contrast grows. Fades that touch
    the start or the end of the stream are no change of shot. A flat run between two cliffs counts only
    if it lasts (a strobe does not). From `MAX_FLAT_FRAMES` on a run is a shot of its own, with a
    transition on either side.
    """
    values = np.asarray(contrasts, np.float32)
    ahead = max(2, round(_LOOK_AHEAD_S * frames_per_s))
    found: list[Transition] = []
    for first, last in _flat_runs(values):
        start = first - _climb(values[:first][::-1], float(values[first]), ahead)
        end = last + _climb(values[last + 1 :], float(values[last]), ahead)
        begins, ends = start > 0, end < len(values) - 1
        if _is_shot(first, last, flat_before):
            found += [_between(start, first)] if begins else []
            found += [_between(last, end)] if ends else []
            continue
        ramps = max(first - start, end - last)
        lasts = ramps >= _MIN_RAMP_S * frames_per_s or last - first + 1 >= _MIN_FLAT_S * frames_per_s
        if begins and ends and lasts:
            found.append(Transition(start, end, "gradual", 1.0))
    return found


def open_from(contrasts: Sequence[float], frames_per_s: float, flat_before: int = 0) -> int:
    """The frame from which later frames may still change what `fades` finds, the end where none is."""
    values = np.asarray(contrasts, np.float32)
    ahead = max(2, round(_LOOK_AHEAD_S * frames_per_s))
    for first, last in _flat_runs(values):
        if last + _climb(values[last + 1 :], float(values[last]), ahead) >= len(values) - 1 - ahead:
            if _is_shot(first, last, flat_before):
                return last
            return first - _climb(values[:first][::-1], float(values[first]), ahead)
    return len(values)


def _is_shot(first: int, last: int, flat_before: int) -> bool:
    return last - first + 1 + (0 if first else flat_before) >= MAX_FLAT_FRAMES


def _between(start: int, end: int) -> Transition:
    return Transition(start, end, "cut" if end == start + 1 else "gradual", 1.0)


def _flat_runs(values: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """First and last frame of each run of flat frames."""
    flat = np.concatenate([[False], values < FLAT_CONTRAST, [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _climb(outward: npt.NDArray[np.float32], level: float, ahead: int) -> int:
    """How many frames outward the contrast keeps growing, at least one where there is one."""
    steps = 0
    for index in range(len(outward)):
        steps = index + 1
        level = float(outward[index])
        beyond = outward[min(index + ahead, len(outward) - 1)]
        if beyond < level * (1 + _MIN_GROWTH) + _MIN_RISE:
            break
    return steps

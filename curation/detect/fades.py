"""Fades through black, white or any flat picture: the contrast of the luma sinks to nothing and returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from curation.detect.blocks import Frames
from curation.detect.pictures import luma
from curation.detect.transitions import Transition

_FLAT_CONTRAST = 2.5
_LOOK_AHEAD_S = 0.1
_MIN_GROWTH = 0.03
_MIN_RISE = 0.2
_MIN_RAMP_S = 0.1
_MIN_FLAT_S = 0.2


def contrast(frames: Frames) -> list[float]:
    """Standard deviation of the luma (0..255) of each frame."""
    deviations: list[float] = luma(frames).std((1, 2)).tolist()
    return deviations


def fades(contrasts: Sequence[float], frames_per_s: float) -> list[Transition]:
    """Gradual transitions around runs of flat frames.

    Args:
        contrasts: `contrast` of every frame of the stream.
        frames_per_s: how fast the frames follow each other.

    From a run of flat frames a fade reaches outward for as long as the contrast grows. Fades that touch
    the start or the end of the stream are no change of shot. A flat run between two cliffs counts only
    if it lasts (a strobe does not).
    """
    values = np.asarray(contrasts, np.float32)
    ahead = max(2, round(_LOOK_AHEAD_S * frames_per_s))
    found: list[Transition] = []
    for first, last in _flat_runs(values):
        start = first - _climb(values[:first][::-1], float(values[first]), ahead)
        end = last + _climb(values[last + 1 :], float(values[last]), ahead)
        if start <= 0 or end >= len(values) - 1:
            continue
        ramps = max(first - start, end - last)
        if ramps < _MIN_RAMP_S * frames_per_s and last - first + 1 < _MIN_FLAT_S * frames_per_s:
            continue
        found.append(Transition(start, end, "gradual", 1.0))
    return found


def open_from(contrasts: Sequence[float], frames_per_s: float) -> int:
    """The frame from which later frames may still change what `fades` finds, the end where none is."""
    values = np.asarray(contrasts, np.float32)
    ahead = max(2, round(_LOOK_AHEAD_S * frames_per_s))
    for first, last in _flat_runs(values):
        if last + _climb(values[last + 1 :], float(values[last]), ahead) >= len(values) - 1 - ahead:
            return first - _climb(values[:first][::-1], float(values[first]), ahead)
    return len(values)


def _flat_runs(values: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """First and last frame of each run of flat frames."""
    flat = np.concatenate([[False], values < _FLAT_CONTRAST, [False]])
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

"""How well detected transitions match true ones, as the field counts it.

The protocol of TransNetV2 and AutoShot (both derive it from gyglim/shot-detection-evaluation): a transition
is the interval from the last frame of the outgoing shot to the first of the incoming one, widened by the
tolerance; intervals are matched one to one in order of time; counts are summed over videos (micro average).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

TOLERANCE_FRAMES = 2
"""Of `evaluate_scenes` in both repositories: half of it at each end."""

Interval = tuple[int, int]
"""Last frame of the outgoing shot and first frame of the incoming one."""


@dataclass(frozen=True)
class Tally:
    """Transitions found, false alarms, and transitions missed; `+` sums over videos."""

    hits: int = 0
    false_alarms: int = 0
    misses: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.hits + other.hits, self.false_alarms + other.false_alarms, self.misses + other.misses
        )

    @property
    def precision(self) -> float:
        """Share of what was found that is true; 0 where nothing was found."""
        found = self.hits + self.false_alarms
        return self.hits / found if found else 0.0

    @property
    def recall(self) -> float:
        """Share of what is true that was found; 0 where nothing is true."""
        true = self.hits + self.misses
        return self.hits / true if true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 1 where nothing is true and nothing was found."""
        both = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / both if both else 1.0


@dataclass(frozen=True)
class Matching:
    """Pairs of (true, found) that match, by position in what was given, and what is left over."""

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]

    @property
    def tally(self) -> Tally:
        """The counts."""
        return Tally(len(self.pairs), len(self.false), len(self.missed))


def match(
    true: Sequence[Interval], found: Sequence[Interval], tolerance_frames: int = TOLERANCE_FRAMES
) -> Matching:
    """Match two lists of transitions, each in order of time."""
    widened = (tolerance_frames - 1) / 2
    pairs: list[tuple[int, int]] = []
    missed: list[int] = []
    false: list[int] = []
    i = j = 0
    while i < len(true) or j < len(found):
        if j == len(found) or (i < len(true) and found[j][0] - widened > true[i][1] + widened):
            missed.append(i)
            i += 1
        elif i == len(true) or found[j][1] + widened < true[i][0] - widened:
            false.append(j)
            j += 1
        else:
            pairs.append((i, j))
            i += 1
            j += 1
    return Matching(tuple(pairs), tuple(missed), tuple(false))


def evaluate(
    videos: Iterable[tuple[Sequence[Interval], Sequence[Interval]]],
    tolerance_frames: int = TOLERANCE_FRAMES,
) -> Tally:
    """The counts over videos, each given as its true and its found transitions."""
    total = Tally()
    for true, found in videos:
        total += match(true, found, tolerance_frames).tally
    return total


def transitions_of_scenes(scenes: Sequence[Interval]) -> list[Interval]:
    """The transitions between scenes given as first and last frame, both included."""
    return [(left[1], right[0]) for left, right in pairwise(scenes)]


def transitions_of_predictions(probabilities: npt.NDArray[np.floating], threshold: float) -> list[Interval]:
    """Transitions of a curve of probabilities per frame, as TransNetV2's `predictions_to_scenes` reads it.

    A run of frames above the threshold is a transition from its first frame to the frame after its last;
    one that touches the start or the end of the video separates nothing.
    """
    above = np.concatenate([[False], np.asarray(probabilities) > threshold, [False]])
    starts, ends = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:])
    last = len(above) - 2
    return [
        (int(start), int(end)) for start, end in zip(starts, ends, strict=True) if start > 0 and end < last
    ]

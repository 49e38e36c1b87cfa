"""When the frames of a clip are shown, and which of them a choice takes. Numbers and times only."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shards.reading.decode.views import FrameChoice, FramesAt, FramesAtRate, SegmentFrames
from shards.reading.randomness import uniform

TOLERANCE_S = 0.0005
"""Containers round times to a tick, Matroska's being a millisecond: a frame that begins half a tick after
a time, or this much, is shown then."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """`pts` of the frames in the order shown, int64 [N], N >= 1, in ticks of `time_base` seconds."""

    pts: NDArray[np.int64]
    time_base: Fraction

    @property
    def duration_s(self) -> float:
        """From the first frame's beginning to the last one's end, which lasts as long as most do."""
        last = float(np.median(np.diff(self.pts))) if len(self.pts) > 1 else 1.0
        return (float(self.pts[-1] - self.pts[0]) + last) * float(self.time_base)

    def times_s(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """When frames begin, in seconds from the first."""
        times_s: NDArray[np.float64] = (self.pts[numbers] - self.pts[0]) * np.float64(self.time_base)
        return times_s

    def choose(self, choice: FrameChoice) -> NDArray[np.int64]:
        """The numbers, in the order shown, of the frames that a choice takes."""
        tick_s = float(self.time_base)
        ticks = (self._at_s(choice) + min(tick_s / 2, TOLERANCE_S)) / tick_s
        found = np.searchsorted(self.pts - self.pts[0], ticks, side="right") - 1
        return np.maximum(found, 0)

    def _at_s(self, choice: FrameChoice) -> NDArray[np.float64]:
        if isinstance(choice, FramesAt):
            return np.asarray(choice.times_s, np.float64)
        if isinstance(choice, FramesAtRate):
            count = min(choice.max_frames, max(1, int(np.ceil(self.duration_s * choice.fps - 1e-6))))
            return np.arange(count, dtype=np.float64) / choice.fps
        inside = uniform(choice.count, *choice.key) if isinstance(choice, SegmentFrames) else 0.5
        return (np.arange(choice.count, dtype=np.float64) + inside) * (self.duration_s / choice.count)

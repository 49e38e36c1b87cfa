"""Samples seen at another rate or backwards, with their labels moved along."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from curation.detect.learning.compose import Composed, ComposedTransition
from curation.detect.learning.draws import Shares
from curation.detect.learning.pixels import mixed
from curation.detect.pictures import Floats

Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pattern:
    """How frames of a new sample come from an old one: each is a mix of frames `first` and `second`,
    which do not decrease and of which `second` is the later or the same, with `share` of the second."""

    first: Indexes
    second: Indexes
    share: Floats

    @property
    def num_frames(self) -> int:
        """Frames that the old sample must have."""
        return int(self.second.max()) + 1


def drawn_pattern(rng: np.random.Generator, num_frames: int) -> Pattern:
    """A pattern for a sample of so many frames: mostly none; frames repeated 2:1, 3:1, 3:2 or unevenly;
    every second frame left out; or neighbours blended as by a conversion of the frame rate."""
    rate, blends = _RATES.draw(rng)
    times = np.arange(num_frames) * rate + (rng.random() if rate != 1 else 0.0)
    first = times.astype(np.int64)
    if not blends:
        return Pattern(first, first, np.zeros(num_frames, np.float32))
    share = (times - first).astype(np.float32)
    share[(share < _UNSEEN) | (share > 1 - _UNSEEN)] = 0
    first = np.where((share == 0) & (times - first > 0.5), first + 1, first)
    return Pattern(first, np.where(share > 0, first + 1, first), share)


_UNSEEN = 0.1
_RATES = Shares(
    [
        ((1.0, False), 0.78),
        ((0.5, False), 0.05),
        ((1 / 3, False), 0.01),
        ((0.8, False), 0.02),
        ((0.4, False), 0.02),
        ((2.0, False), 0.05),
        ((24 / 25, False), 0.01),
        ((0.8, True), 0.02),
        ((24 / 25, True), 0.01),
        ((5 / 6, True), 0.01),
        ((1.2, True), 0.02),
    ]
)
"""(old frames per new frame, whether neighbours are blended): 0.5 is 12 per second shown at 24, 0.8 is
24 shown at 30, 0.4 is 24 shown at 60 in the 3:2 pattern, 2.0 is 60 shown at 30."""


def resampled(sample: Composed, pattern: Pattern) -> Composed:
    """A sample with the frames of a pattern.

    A frame belongs to a shot only if all that is mixed into it does, so labels may come to cover more
    gaps or fewer, never none.
    """
    frames = sample.frames[pattern.first]
    blended = np.flatnonzero(pattern.share)
    if len(blended):
        frames[blended] = mixed(
            frames[blended],
            sample.frames[pattern.second[blended]],
            pattern.share[blended][:, None, None, None],
        )
    transitions = (
        ComposedTransition(_last_until(pattern, t.start_frame), _first_from(pattern, t.end_frame), t.kind)
        for t in sample.transitions
    )
    last_frame = len(frames) - 1
    disturbances = (
        (max(0, _last_until(pattern, start)), min(last_frame, _first_from(pattern, end)), kind)
        for start, end, kind in sample.disturbances
    )
    return Composed(
        frames=frames,
        transitions=tuple(t for t in transitions if t.end_frame > 0 and t.start_frame < last_frame),
        disturbances=tuple(d for d in disturbances if d[0] <= d[1]),
    )


def _last_until(pattern: Pattern, frame: int) -> int:
    """The last new frame that shows nothing after an old frame."""
    if frame < pattern.second[0]:
        return -1 + int(np.floor((frame - pattern.first[0] + 1) / _step(pattern)))
    return int(np.searchsorted(pattern.second, frame, side="right")) - 1


def _first_from(pattern: Pattern, frame: int) -> int:
    """The first new frame that shows nothing before an old frame."""
    if frame > pattern.first[-1]:
        return len(pattern.first) + int(np.ceil((frame - pattern.first[-1] - 1) / _step(pattern)))
    return int(np.searchsorted(pattern.first, frame, side="left"))


def _step(pattern: Pattern) -> float:
    """Old frames per new one, to tell where a transition lies of which an end is out of sight."""
    return max(1e-6, float(pattern.first[-1] - pattern.first[0]) / max(1, len(pattern.first) - 1))


def backwards(sample: Composed) -> Composed:
    """A sample in reverse order of time; a fade-out then is a fade-in, under its old name."""
    last = len(sample.frames) - 1
    return replace(
        sample,
        frames=sample.frames[::-1],
        transitions=tuple(
            ComposedTransition(last - t.end_frame, last - t.start_frame, t.kind)
            for t in reversed(sample.transitions)
        ),
        disturbances=tuple((last - b, last - a, kind) for a, b, kind in reversed(sample.disturbances)),
    )

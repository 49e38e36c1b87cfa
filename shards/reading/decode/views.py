"""What is asked of a clip: which frames, of which size; and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_SIZE_PX = 8192


@dataclass(frozen=True)
class UniformFrames:
    """The frame in the middle of each of `count` equal stretches of the clip."""

    count: int

    def __post_init__(self) -> None:
        _check_count("count", self.count)


@dataclass(frozen=True)
class SegmentFrames:
    """A frame at a random time in each of `count` equal stretches of the clip, the same for the same `key`
    (Wang et al., Temporal Segment Networks, arXiv 1608.00859)."""

    count: int
    key: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_count("count", self.count)


@dataclass(frozen=True)
class FramesAtRate:
    """The frames at 0, 1/fps, 2/fps… seconds up to the end of the clip, at most the first `max_frames`."""

    fps: float
    max_frames: int

    def __post_init__(self) -> None:
        if not 0 < self.fps <= 1000:
            raise ValueError(f"fps = {self.fps}: it must be above 0 and at most 1000")
        _check_count("max_frames", self.max_frames)


@dataclass(frozen=True)
class FramesAt:
    """The frames at given times, in seconds from the first frame; after the end, the last frame."""

    times_s: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_count("the number of times", len(self.times_s))
        wrong = [time_s for time_s in self.times_s if not 0 <= time_s < float("inf")]
        if wrong:
            raise ValueError(f"times_s holds {wrong[0]}: times must be at least 0, and finite")


FrameChoice = UniformFrames | SegmentFrames | FramesAtRate | FramesAt
"""Which frames. A time shows the last frame that began by then."""


@dataclass(frozen=True)
class Square:
    """A centred square of the whole short side, scaled to `size_px`."""

    size_px: int

    def __post_init__(self) -> None:
        _check_size(self.size_px)


@dataclass(frozen=True)
class ShortSide:
    """The whole frame, its aspect kept, the short side scaled to `size_px`."""

    size_px: int

    def __post_init__(self) -> None:
        _check_size(self.size_px)


Size = Square | ShortSide


@dataclass(frozen=True)
class View:
    """Some frames of a clip at one size."""

    frames: FrameChoice
    size: Size


@dataclass(frozen=True, eq=False)
class Frames:
    """A decoded view: RGB uint8 [T, H, W, 3], and when each of its frames begins, float64 [T], in seconds
    from the first frame of the clip."""

    pixels: NDArray[np.uint8]
    times_s: NDArray[np.float64]


def _check_count(name: str, count: int) -> None:
    if not 1 <= count <= 100_000:
        raise ValueError(f"{name} = {count}: it must be from 1 to 100000")


def _check_size(size_px: int) -> None:
    if not 1 <= size_px <= MAX_SIZE_PX:
        raise ValueError(f"size_px = {size_px}: it must be from 1 to {MAX_SIZE_PX}")

"""The frames of stretches of a source, and how much changes from one to the next."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.detect.cuts import differences
from curation.media.sandbox import DecodedFrame, DecodeError, MediaStream
from curation.records import Extent


@dataclass(frozen=True)
class Timeline:
    """The frames of a stretch: their pts, and the mean absolute RGB difference (0..255) of each to the one
    before at 48x27, 0 for the first."""

    extent: Extent
    frame_pts: Sequence[int]
    change: Sequence[float]

    def motion(self, piece: Extent, opening: Collection[int]) -> float:
        """Mean difference within a piece; `opening` are frames that open a shot, where a cut is no motion."""
        first = self.extent.start_frame
        frames = [n for n in range(piece.start_frame + 1, piece.last_frame + 1) if n not in opening]
        return math.fsum(self.change[frame - first] for frame in frames) / max(1, len(frames))


class FrameChanges:
    """Frames of 48x27 in order of time, each decoded once, as far as they have been asked for."""

    def __init__(self, frames: MediaStream[DecodedFrame]) -> None:
        self._frames = frames
        self._pts = array("q")
        self._change = array("d")
        self._last: NDArray[np.uint8] | None = None
        self._error: DecodeError | None = None

    def timeline(self, extent: Extent) -> Timeline:
        """The frames of a stretch, as far as there are any.

        Raises:
            DecodeError: decoding does not get that far.
        """
        self._decode(extent.end_pts)
        first, end = (bisect_left(self._pts, pts) for pts in (extent.start_pts, extent.end_pts))
        change = self._change[first:end]
        change[:1] = array("d", [0.0] * len(change[:1]))
        return Timeline(extent, self._pts[first:end], change)

    def _decode(self, end_pts: int) -> None:
        while not self._pts or self._pts[-1] < end_pts:
            if self._error is not None:
                raise self._error
            try:
                frame = next(self._frames, None)
            except DecodeError as error:
                self._error = error
                raise
            if frame is None:
                return
            step = 0.0 if self._last is None else differences(np.stack([self._last, frame.image]))[1]
            self._pts.append(frame.pts)
            self._change.append(step)
            self._last = frame.image

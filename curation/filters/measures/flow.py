"""How far the content of a picture went until the next, on average."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from curation.filters.measures.pictures import Image

Vectors: TypeAlias = NDArray[np.floating[Any]]

FINEST_SCALE = 1
"""Flow is computed down to half the size of the pictures."""
FAR_PX = 4.0
"""From this shift of the whole picture on, the flow alone may lose its way."""
SLOW_SHARE = 0.005
"""Flow that lost its way is longer than this share of the diagonal: below, it need not be doubted."""
MIN_SIDE_PX = 16
"""OpenCV finds no flow in less."""


class MeanFlow:
    """Mean size of the dense optical flow between pictures of one size.

    DIS flow (arXiv 1603.03590), which loses motion of more than about 0.07 of the diagonal. Where phase
    correlation sees the whole picture go far, the flow is also computed from there, and the one that
    explains the second picture better is taken.
    """

    def __init__(self) -> None:
        # OpenCV's object keeps a scale that it chose for one size, so it never sees pictures of another.
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(FINEST_SCALE)
        self._window: Vectors | None = None

    def __call__(self, before: Image, after: Image) -> float:
        """Mean distance that pixels went, as a share of the picture's diagonal."""
        before, after = _large_enough(before), _large_enough(after)
        vectors = np.asarray(self._flow.calc(before, after, None))
        if _mean_share(vectors) < SLOW_SHARE:
            return _mean_share(vectors)
        shift = self._shift(before, after)
        if math.hypot(*shift) >= FAR_PX:
            guess = np.empty((*before.shape, 2), np.float32)
            guess[:] = shift
            guided = np.asarray(self._flow.calc(before, after, guess))
            if _unexplained(before, after, guided) < _unexplained(before, after, vectors):
                vectors = guided
        return _mean_share(vectors)

    def _shift(self, before: Image, after: Image) -> tuple[float, float]:
        """How far (x, y in px) the picture as a whole went."""
        if self._window is None:
            self._window = np.asarray(cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F))
        shift, _ = cv2.phaseCorrelate(before.astype(np.float32), after.astype(np.float32), self._window)
        return float(shift[0]), float(shift[1])


def _mean_share(vectors: Vectors) -> float:
    size_px = cv2.mean(cv2.magnitude(vectors[..., 0], vectors[..., 1]))[0]
    return float(size_px) / math.hypot(*vectors.shape[:2])


def _large_enough(picture: Image) -> Image:
    times = -(-MIN_SIDE_PX // min(picture.shape))
    return np.repeat(np.repeat(picture, times, 0), times, 1) if times > 1 else picture


def _unexplained(before: Image, after: Image, vectors: Vectors) -> float:
    """Median difference of luma between the first picture and the second taken back along the flow."""
    rows, columns = np.indices(before.shape, np.float32)
    back = cv2.remap(after, columns + vectors[..., 0], rows + vectors[..., 1], cv2.INTER_LINEAR)
    return float(np.median(cv2.absdiff(before, back)))

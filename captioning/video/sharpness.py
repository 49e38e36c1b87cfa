"""Sharpness of the source's frames in words."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact
from captioning.records import Segment
from captioning.video.frames import Image

BLOCK_PX = 32
SHARPEST_PERCENT = 3
"""Share of the blocks that decides: a subject in focus before a blurred background is sharp."""
LEVELS = ((0.3, "sharp"), (0.1, "rather soft"), (0.0, "blurry"))
"""From which relative variance of the Laplacian (short side 480 px at most) on which words hold. Sharp
footage measures 0.3 to 4; the same under a Gaussian blur of 1.5 px 0.05 to 0.18, of 3 px up to 0.06."""
FEATURELESS_STD = 6.0
"""A block whose luma (0..255) hardly varies has nothing that could be sharp."""
CONFIDENCE = 0.7
"""Grain and sharpening measure like detail."""


def sharpness_facts(pictures: Sequence[Image], duration_s: float) -> list[Segment]:
    """One sentence on sharpness; none where no picture has any detail."""
    values = [value for picture in pictures if (value := sharpness(picture)) is not None]
    if not values:
        return []
    value = float(np.median(values))
    words = next(words for threshold, words in LEVELS if value >= threshold)
    text = f"The picture is {words} (relative variance of the Laplacian {value:.2f})."
    return [fact(0, duration_s, text, CONFIDENCE)]


def sharpness(picture: Image) -> float | None:
    """Variance of the Laplacian over that of luma, in the sharpest textured blocks; None: no texture.

    The quotient depends on how fast luma changes at edges and not on how far, so that a picture in
    fog is not taken for a blurred one.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if min(luma.shape) < BLOCK_PX:
        return None
    variances = _blocks(luma.astype(np.float32)).var(axis=(1, 3))
    detail = _blocks(cv2.Laplacian(luma, cv2.CV_32F)).var(axis=(1, 3))
    textured = variances >= FEATURELESS_STD**2
    if not textured.any():
        return None
    return float(np.percentile(detail[textured] / variances[textured], 100 - SHARPEST_PERCENT))


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Whole blocks as (rows, BLOCK_PX, columns, BLOCK_PX)."""
    rows, columns = (side // BLOCK_PX for side in values.shape)
    inside = values[: rows * BLOCK_PX, : columns * BLOCK_PX]
    return inside.reshape(rows, BLOCK_PX, columns, BLOCK_PX)

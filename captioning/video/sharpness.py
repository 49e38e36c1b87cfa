"""Sharpness of the source's frames in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact
from captioning.records import Segment
from captioning.video.frames import Image

BLOCK_PX = 32
SHARPEST_SHARE = 0.03
"""Share of the blocks that decides: a subject in focus before a blurred background is sharp."""
LEVELS = ((1.45, "blurry"), (0.85, "rather soft"), (0.0, "sharp"))
"""From which blur (px, short side 480 px at most) on which words hold. Footage in focus measures 0.3 to
0.7; the same under a Gaussian of 1.5 px 1.0 to 1.5, of 3 px 1.5 to 3."""
MIN_GRADIENT = 2.5
"""Root mean square of the gradient (luma per px) below which there is nothing that could be sharp."""
CONFIDENCE = 0.7
"""Grain and sharpening measure like detail."""


def sharpness_facts(pictures: Sequence[Image], duration_s: float) -> list[Segment]:
    """One sentence on sharpness; none where no picture has any detail."""
    values = [value for picture in pictures if (value := edge_blur_px(picture)) is not None]
    if not values:
        return []
    value = float(np.median(values))
    words = next(words for threshold, words in LEVELS if value >= threshold)
    text = f"The picture is {words} (its finest edges are blurred by about {value:.1f} px)."
    return [fact(0, duration_s, text, CONFIDENCE)]


def edge_blur_px(picture: Image) -> float | None:
    """Blur of the finest edges of a BGR picture as the sigma of a Gaussian; None: no detail.

    The variance of the Laplacian alone follows contrast and the number of edges. Divided by the
    energy of the gradient it does not: for a step blurred by sigma the quotient is 1 / (2 sigma^2).
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if min(luma.shape) < BLOCK_PX:
        return None
    across = cv2.Sobel(luma, cv2.CV_32F, 1, 0, ksize=1) / 2
    down = cv2.Sobel(luma, cv2.CV_32F, 0, 1, ksize=1) / 2
    curvature = _block_means(cv2.Laplacian(luma, cv2.CV_32F) ** 2)
    gradient = _block_means(across**2 + down**2)
    finest = np.argsort(-curvature, kind="stable")[: max(1, round(SHARPEST_SHARE * len(curvature)))]
    if math.sqrt(gradient[finest].mean()) < MIN_GRADIENT:
        return None
    return math.sqrt(gradient[finest].sum() / (2 * curvature[finest].sum()))


def _block_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean of each whole block."""
    rows, columns = (side // BLOCK_PX for side in values.shape)
    inside = values[: rows * BLOCK_PX, : columns * BLOCK_PX].astype(np.float64)
    return np.asarray(inside.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3)).reshape(-1))

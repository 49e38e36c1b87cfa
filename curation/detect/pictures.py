"""What detectors measure on small RGB pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def luma(frames: npt.NDArray[np.uint8] | Floats) -> Floats:
    """Brightness [..., height, width] in 0..255 of RGB pictures (weights of ITU-R BT.601, 2.5.1)."""
    return frames.astype(np.float32, copy=False) @ np.array([0.299, 0.587, 0.114], np.float32)


def correlation(a: Floats, b: Floats) -> float:
    """Correlation of the structure of two luma pictures, [height, width]; 0 where one has none.

    What is the same along a whole row or column does not count: most outdoor pictures are bright above
    and dark below, whatever they show.
    """
    a, b = _structure(a), _structure(b)
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1.0 else 0.0


def _structure(picture: Floats) -> Floats:
    rows, columns = picture.mean(1, keepdims=True), picture.mean(0, keepdims=True)
    structure: Floats = picture - rows - columns + picture.mean()
    return structure

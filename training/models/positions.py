"""Sine and cosine positions in three dimensions.

Channels of a token of width D (InternVideo2's order): the first D/4 encode time, the next 3D/8 the
column, the last 3D/8 the row; each part is [sin | cos] over falling frequencies, base 10000.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

BASE = 10_000.0


def sin_cos_positions(grid: tuple[int, int, int], width: int) -> Tensor:
    """Positions of a grid of (time, height, width) tokens in raster order.

    Returns float32 [time * height * width, width].
    """
    times, rows, columns = (axis.ravel() for axis in np.indices(grid))
    parts = (
        _sin_cos(times, width // 4),
        _sin_cos(columns, width * 3 // 8),
        _sin_cos(rows, width * 3 // 8),
    )
    return torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))


def _sin_cos(index: np.ndarray, channels: int) -> np.ndarray:
    frequency = BASE ** -(np.arange(channels // 2, dtype=np.float64) / (channels / 2))
    angle = index[:, None] * frequency[None, :]
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)

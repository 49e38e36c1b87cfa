"""Positions of tokens: what they start as, and which a clip or an image takes.

Shape suffixes: B batch, L tokens, K visible patches, D width.

Channels of a token of width D (InternVideo2's order): the first D/4 encode time, the next 3D/8 the
column, the last 3D/8 the row; each part is [sin | cos] over falling frequencies, base 10000.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

BASE = 10_000.0


def sin_cos_positions(grid: tuple[int, int, int], width: int, *, class_token: bool = False) -> Tensor:
    """Positions of a grid of (time, height, width) tokens in raster order.

    Returns float32 [time * height * width, width], after a row of zeros if there is a class token.
    """
    times, rows, columns = (axis.ravel() for axis in np.indices(grid))
    parts = (
        _sin_cos(times, width // 4),
        _sin_cos(columns, width * 3 // 8),
        _sin_cos(rows, width * 3 // 8),
    )
    positions = torch.from_numpy(np.concatenate(parts, axis=1).astype(np.float32))
    return functional.pad(positions, (0, 0, 1, 0)) if class_token else positions


def _sin_cos(index: np.ndarray, channels: int) -> np.ndarray:
    frequency = BASE ** -(np.arange(channels // 2, dtype=np.float64) / (channels / 2))
    angle = index[:, None] * frequency[None, :]
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def image_positions(positions_1LD: Tensor, num_slots: int, *, class_token: bool) -> Tensor:
    """Positions for an image out of those for a clip: the mean over its slots of time."""
    prefix = int(class_token)
    width = positions_1LD.shape[-1]
    patches = positions_1LD[:, prefix:].reshape(1, num_slots, -1, width).mean(dim=1)
    return torch.cat([positions_1LD[:, :prefix], patches], dim=1)


def visible_positions(positions_1LD: Tensor, visible_BK: Tensor | None, *, class_token: bool) -> Tensor:
    """Positions of the class token, if there is one, and of the visible patches.

    Returns [B, L, D], or [1, L, D] where all are visible.
    """
    if visible_BK is None:
        return positions_1LD
    prefix = int(class_token)
    index_BK = functional.pad(visible_BK + prefix, (prefix, 0))
    return functional.embedding(index_BK, positions_1LD[0])

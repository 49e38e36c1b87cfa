"""Which patches a model sees.

Shape suffixes: B batch, T slots of time, N patches of a frame, K visible and M hidden patches.
"""

# ruff: noqa: N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from training.randomness import Draw


def tube_mask(draws: Sequence[Draw], grid: tuple[int, int, int], num_hidden: int) -> tuple[Tensor, Tensor]:
    """Hide the same places in every frame, so that a hidden patch cannot be copied from another time.

    (VideoMAE, section 3.3.) `grid` is (time, height, width) in tokens, `num_hidden` counts per frame.
    Returns int64 indices into the raster of all tokens, ascending: visible [B, K], hidden [B, M].
    """
    slots, height, width = grid
    per_frame = height * width
    first_T1 = np.arange(slots)[:, None] * per_frame
    visible, hidden = [], []
    for draw in draws:
        order_N = draw.permutation("mask", per_frame)
        visible.append((first_T1 + np.sort(order_N[num_hidden:])).ravel())
        hidden.append((first_T1 + np.sort(order_N[:num_hidden])).ravel())
    return torch.from_numpy(np.stack(visible)), torch.from_numpy(np.stack(hidden))

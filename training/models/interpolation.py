"""Positions of one grid of tokens for another: other numbers of frames, other resolutions.

Shape suffixes: L tokens, D width, T time, H W tokens along height and width.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def interpolate_positions(
    pos_1LD: Tensor, from_grid: tuple[int, int, int], to_grid: tuple[int, int, int], prefix_tokens: int = 1
) -> Tensor:
    """Positions for `to_grid` (time, height, width): linear in time, bicubic in space (InternVideo2).

    The first `prefix_tokens` rows (the class token) stay as they are. Returns [1, L, D] in the dtype given.

    Raises:
        ValueError: there are not as many positions as `from_grid` has.
    """
    _, rows, width = pos_1LD.shape
    if rows != prefix_tokens + math.prod(from_grid):
        raise ValueError(
            f"{rows} positions are not the {prefix_tokens} + {math.prod(from_grid)} of a grid of "
            f"{' x '.join(map(str, from_grid))} (time x height x width)."
        )
    if from_grid == to_grid:
        return pos_1LD
    grid_TDHW = pos_1LD[0, prefix_tokens:].float().reshape(*from_grid, width).permute(0, 3, 1, 2)
    if from_grid[0] != to_grid[0]:
        series = grid_TDHW.flatten(1).t()[None]
        series = functional.interpolate(series, size=to_grid[0], mode="linear", align_corners=False)
        grid_TDHW = series[0].t().reshape(to_grid[0], width, *from_grid[1:])
    if from_grid[1:] != to_grid[1:]:
        grid_TDHW = functional.interpolate(grid_TDHW, size=to_grid[1:], mode="bicubic", align_corners=False)
    patches_1LD = grid_TDHW.permute(0, 2, 3, 1).flatten(0, 2)[None].to(pos_1LD.dtype)
    return torch.cat([pos_1LD[:, :prefix_tokens], patches_1LD], dim=1)

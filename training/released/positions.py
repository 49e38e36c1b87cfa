"""Positions of a state dict for other numbers of frames and other resolutions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

Grid = tuple[int, int, int]

_ROWS = {
    "pos_embed": (False, 1),
    "img_pos_embed": (True, 1),
    "clip_pos_embed": (False, 1),
    "clip_img_pos_embed": (True, 1),
    "mae_pos_embed": (False, 0),
}
"""Parameter -> whether its rows are of one slot of time, and how many rows stand before the patches."""


def interpolated(
    tensors: Mapping[str, Tensor], from_grid: Grid, to_grid: Grid
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors with positions for `to_grid` (time, height, width), and the names of those that changed.

    Raises:
        ValueError: positions are not those of `from_grid`.
    """
    from training.models.interpolation import interpolate_positions

    result, changed = dict(tensors), []
    for name, (image, prefix_tokens) in _ROWS.items():
        if name not in tensors:
            continue
        before, after = ((1, *grid[1:]) if image else grid for grid in (from_grid, to_grid))
        if before != after:
            result[name] = interpolate_positions(tensors[name], before, after, prefix_tokens)
            changed.append(name)
    return result, tuple(changed)

"""Which patches a model sees.

Shape suffixes: R rows (views, each as often as it is masked), T slots of time, N patches of a frame, K
visible and M hidden patches.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from training.randomness import Draw
from training.views.masking_config import MaskConfig
from training.views.transfer import to_device

SMALLEST = 1e-30
"""Stands in for a probability of 0: such a patch is seen only where all others are, and nothing overflows."""


def tube_mask(
    draws: Sequence[Draw], grid: tuple[int, int, int], num_hidden: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Hide the same places in every frame, so that a hidden patch cannot be copied from another time.

    (VideoMAE, section 3.3.) `grid` is (time, height, width) in tokens, `num_hidden` counts per frame.
    Returns int64 indices into the raster of all tokens, ascending: visible [B, K], hidden [B, M].
    """
    slots, height, width = grid
    per_frame = height * width
    first_T1 = np.arange(slots)[:, None] * per_frame
    order_BN = np.stack([draw.permutation("mask", per_frame) for draw in draws])
    hidden, visible = (
        (first_T1 + np.sort(places)[:, None]).reshape(len(draws), -1)
        for places in (order_BN[:, :num_hidden], order_BN[:, num_hidden:])
    )
    return to_device(torch.from_numpy(visible), device), to_device(torch.from_numpy(hidden), device)


def visible_patches(
    draws: Sequence[Draw],
    grid: tuple[int, int, int],
    config: MaskConfig,
    *,
    masks_per_view: int,
    attention_BTN: Tensor | None,
    device: torch.device,
) -> Tensor:
    """Draw which patches are seen, without replacement; each view is masked `masks_per_view` times in turn.

    With `attention_BTN` a patch is drawn as by `torch.multinomial` with these weights, else all are equal.
    Returns int64 indices into the raster of all tokens, ascending: [B * masks_per_view, K].

    The order of exponential variables divided by weights is that of drawing by weight without replacement
    (Efraimidis and Spirakis 2006, doi:10.1016/j.ipl.2005.11.003); the variables depend on the draws only.
    """
    slots, height, width = grid
    per_frame = height * width
    num_visible = config.num_visible(grid)
    num_drawn = per_frame if config.kind == "tube" else slots * per_frame
    uniform_RN = np.stack(
        [draw.uniform(f"mask {mask}", num_drawn) for draw in draws for mask in range(masks_per_view)]
    )
    race = to_device(torch.from_numpy(-np.log1p(-uniform_RN).astype(np.float32)), device)
    if config.kind == "tube":
        race = race.unsqueeze(1).expand(-1, slots, -1).flatten(1)
    if config.kind == "attention":
        assert attention_BTN is not None
        weights_RN = attention_BTN.float().flatten(1).clamp(min=SMALLEST)
        race = race / weights_RN.repeat_interleave(masks_per_view, dim=0)
    if config.scope == "clip":
        return race.topk(num_visible, largest=False).indices.sort(dim=1).values
    race_RTN = race.view(-1, slots, per_frame)
    places_RTK = race_RTN.topk(num_visible // slots, largest=False).indices.sort(dim=2).values
    first_T1 = torch.arange(slots, device=device).unsqueeze(1) * per_frame
    return (places_RTK + first_T1).flatten(1)

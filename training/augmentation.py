"""Crops and flips on the training device, from 8-bit frames.

Shape suffixes: B batch, T frames, H W pixels, C colour.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from training.augmentation_config import AugmentationConfig
from training.randomness import Draw

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def augment(
    video_BTHWC: Tensor,
    draws: Sequence[Draw],
    config: AugmentationConfig,
    size_px: int,
) -> Tensor:
    """One random square crop per clip, the same in all its frames, resized, perhaps mirrored.

    `video_BTHWC` is uint8. Returns float32 [B, C, T, size_px, size_px] in 0..1.
    """
    views = [
        _view(clip_THWC, draw, config, size_px) for clip_THWC, draw in zip(video_BTHWC, draws, strict=True)
    ]
    return torch.stack(views).transpose(1, 2)


def normalise(video_BCTHW: Tensor) -> Tensor:
    """Colours of 0..1 to ImageNet's mean 0 and deviation 1, as the released encoders expect."""
    mean = video_BCTHW.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1, 1)
    std = video_BCTHW.new_tensor(IMAGENET_STD).view(1, 3, 1, 1, 1)
    return (video_BCTHW - mean) / std


def _view(clip_THWC: Tensor, draw: Draw, config: AugmentationConfig, size_px: int) -> Tensor:
    scale, above, before, mirror = draw.uniform("crop", 4).tolist()
    side = clip_THWC.shape[1]
    crop = round(side * config.crop_scales[int(scale * len(config.crop_scales))])
    top, left = int(above * (side - crop + 1)), int(before * (side - crop + 1))
    x_TCHW = clip_THWC[:, top : top + crop, left : left + crop].permute(0, 3, 1, 2).float() / 255
    if crop != size_px:
        x_TCHW = functional.interpolate(
            x_TCHW, size=(size_px, size_px), mode="bilinear", antialias=True, align_corners=False
        )
    return x_TCHW.flip(-1) if mirror < config.flip_probability else x_TCHW

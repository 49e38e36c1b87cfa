"""Crops and flips on the training device, from 8-bit frames.

Shape suffixes: B clips, V views (of the clips in turn), T frames, H W pixels of a frame, C colour, S pixels
of a view's side.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.randomness import Draw
from training.views.augmentation_config import AugmentationConfig
from training.views.transfer import to_device

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

SNAP_PX = 3
"""A crop whose side is nearer than this to the student's becomes that: cut, not resized."""

FIXED_QUARTERS = (
    *((0, 0), (0, 4), (4, 0), (4, 4), (2, 2)),
    *((2, 0), (2, 4), (4, 2), (0, 2)),
    *((1, 1), (1, 3), (3, 1), (3, 3)),
)
"""Where a crop lies: quarters of what is free above it and before it."""


@dataclass(frozen=True)
class Look:
    """How a model wants to see a view: squares of `size_px`, `num_frames` evenly from the first one on."""

    num_frames: int
    size_px: int


@dataclass(frozen=True)
class Crops:
    """A rectangle of whole pixels for each view, and whether it is mirrored; int64 and bool, [V]."""

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    mirrored: NDArray[np.bool_]

    def take(self, numbers: Sequence[int]) -> Crops:
        """Those of some views."""
        return Crops(*(getattr(self, field.name)[list(numbers)] for field in fields(self)))


def views_of(draws: Sequence[Draw], views_per_clip: int) -> list[Draw]:
    """The draws of all views: those of the first clip, those of the second…"""
    return [replace(draw, view=view) for draw in draws for view in range(views_per_clip)]


def draw_crops(draws: Sequence[Draw], config: AugmentationConfig, frame_px: int, size_px: int) -> Crops:
    """One crop per view, from square frames of `frame_px`; `size_px` is the student's side.

    (`GroupMultiScaleCrop` of InternVideo2's stage 1, as in TSN.)
    """
    sides = [_snap(int(frame_px * scale), size_px) for scale in config.crop_scales]
    shapes = np.array(
        [
            (height, width)
            for row, height in enumerate(sides)
            for column, width in enumerate(sides)
            if abs(row - column) <= config.max_aspect_steps
        ]
    )
    drawn_V3 = np.stack([draw.uniform("crop", 3) for draw in draws])
    height, width = shapes[(drawn_V3[:, 0] * len(shapes)).astype(np.int64)].T
    free = np.stack([frame_px - height, frame_px - width], axis=1)
    quarters = np.array(FIXED_QUARTERS)[(drawn_V3[:, 1] * len(FIXED_QUARTERS)).astype(np.int64)]
    first = free // 4 * quarters
    mirrored = drawn_V3[:, 2] < config.flip_probability
    mirrored &= np.array([draw.source not in config.unmirrored_sources for draw in draws])
    return Crops(first[:, 0], first[:, 1], height, width, mirrored)


def augment(video_BTHWC: Tensor, crops: Crops, looks: Sequence[Look]) -> list[Tensor]:
    """The views of some clips, as each of several models wants to see them.

    `video_BTHWC` is uint8, square; there are as many crops for each clip, those of the first one first. A
    view is the same crop in all frames and for all models. Returns float32 [V, C, T, S, S] in 0..1 per look.
    """
    seen = {look: _look_at(video_BTHWC, crops, look) for look in dict.fromkeys(looks)}
    return [seen[look] for look in looks]


def normalise(video_BCTHW: Tensor) -> Tensor:
    """Colours of 0..1 to ImageNet's mean 0 and deviation 1, as the released encoders expect."""
    mean = video_BCTHW.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1, 1)
    std = video_BCTHW.new_tensor(IMAGENET_STD).view(1, 3, 1, 1, 1)
    return (video_BCTHW - mean) / std


def repeat_rows(x: Tensor, times: int) -> Tensor:
    """Each row so many times in turn; no copy for once."""
    return x.unsqueeze(1).expand(-1, times, *x.shape[1:]).flatten(0, 1)


def _snap(side: int, size_px: int) -> int:
    return size_px if abs(side - size_px) < SNAP_PX else side


def _look_at(video_BTHWC: Tensor, crops: Crops, look: Look) -> Tensor:
    """Cut, resize and mirror all views at once: each is its frames between two matrices of weights."""
    num_clips, num_frames, frame_px = video_BTHWC.shape[:3]
    numbers = np.stack([crops.top, crops.height, crops.left, crops.width, crops.mirrored])
    top, height, left, width, mirrored = to_device(torch.from_numpy(numbers), video_BTHWC.device)
    rows_VSH = resize_weights(top, height, look.size_px, frame_px)
    columns_VSW = resize_weights(left, width, look.size_px, frame_px)
    columns_VSW = torch.where(mirrored.bool().view(-1, 1, 1), columns_VSW.flip(1), columns_VSW)

    taken_BTHWC = video_BTHWC[:, :: num_frames // look.num_frames]
    frames = taken_BTHWC.permute(0, 4, 1, 2, 3).float().reshape(num_clips, -1, frame_px)
    frames = repeat_rows(frames, len(top) // num_clips)
    narrow = torch.bmm(frames, columns_VSW.mT).view(len(top), -1, frame_px, look.size_px)
    small = torch.bmm(rows_VSH, narrow.transpose(1, 2).reshape(len(top), frame_px, -1))
    small_VSCTS = small.view(len(top), look.size_px, 3, look.num_frames, look.size_px)
    return small_VSCTS.permute(0, 2, 3, 1, 4).contiguous() / 255


def resize_weights(first_V: Tensor, length_V: Tensor, size_px: int, frame_px: int) -> Tensor:
    """How much each pixel of a line counts in each pixel of a resized stretch of it: [V, size_px, frame_px].

    Linear interpolation; where the stretch shrinks, over as many more pixels (antialiasing as in Pillow).
    Pixels outside of the stretch count nothing.
    """
    first_V11, length_V11 = first_V.view(-1, 1, 1), length_V.view(-1, 1, 1)
    scale_V11 = length_V11.double() / size_px
    centre_VS1 = scale_V11 * (torch.arange(size_px, device=first_V.device).view(-1, 1) + 0.5)
    pixel_V1H = torch.arange(frame_px, device=first_V.device) - first_V11
    weights = 1 - (pixel_V1H + 0.5 - centre_VS1).abs() / scale_V11.clamp(min=1)
    weights = weights.clamp(min=0) * ((pixel_V1H >= 0) & (pixel_V1H < length_V11))
    shares: Tensor = weights / weights.sum(dim=2, keepdim=True)
    return shares.float()

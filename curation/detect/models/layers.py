"""What TransNetV2 and AutoShot have in common.

Shape suffixes: B videos, C channels, T frames, H rows, W columns, D features.
"""

# ruff: noqa: N803, N806 (shape suffixes)

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from curation.detect.models.similarity import color_histograms, similarity_band

HEIGHT_PX = 27
WIDTH_PX = 48
_BAND_FRAMES = 101
_FEATURES = 128

FRAME_FEATURES = 3 * 6 * 256 + 2 * _FEATURES
"""Features of a frame: 256 channels of a 3x6 map, and what it is like the frames around it."""

HIDDEN_FEATURES = 1024


def video_input(frames: Tensor) -> Tensor:
    """Frames as the convolutions take them: float [B, 3, T, 27, 48] in 0..1.

    Raises:
        ValueError: `frames` are not uint8 [B, T, 27, 48, 3] with at least one frame.
    """
    wrong_shape = frames.ndim != 5 or frames.shape[2:] != (HEIGHT_PX, WIDTH_PX, 3) or 0 in frames.shape
    if wrong_shape or frames.dtype != torch.uint8:
        raise ValueError(
            f"frames are {frames.dtype} {list(frames.shape)}, but this network takes uint8 "
            f"[B, T, {HEIGHT_PX}, {WIDTH_PX}, 3], RGB, T >= 1"
        )
    return frames.permute(0, 4, 1, 2, 3).float() / 255


def spatial_conv(channels_in: int, channels_out: int) -> nn.Conv3d:
    """A 3x3 convolution of each frame."""
    return nn.Conv3d(channels_in, channels_out, (1, 3, 3), padding=(0, 1, 1), bias=False)


def temporal_conv(channels_in: int, channels_out: int, dilation: int) -> nn.Conv3d:
    """A convolution of each pixel with itself `dilation` frames before and after."""
    return nn.Conv3d(
        channels_in, channels_out, (3, 1, 1), padding=(dilation, 0, 0), dilation=(dilation, 1, 1), bias=False
    )


def halved(x_BCTHW: Tensor) -> Tensor:
    """Frames of half the size, rounded down."""
    return nn.functional.avg_pool3d(x_BCTHW, (1, 2, 2))


class FrameSimilarity(nn.Module):
    """How like the frames around it each frame is by its learned features, [B, T, 128].

    Takes maps [B, C, T, H, W] of several stages, `channels` in all. `linear` makes the two linear layers:
    AutoShot keeps their weights one level deeper than TransNetV2.
    """

    def __init__(self, channels: int, linear: Callable[[int, int], nn.Module] = nn.Linear) -> None:
        super().__init__()
        self.projection = linear(channels, _FEATURES)
        self.fc = linear(_BAND_FRAMES, _FEATURES)

    def forward(self, stages_BCTHW: Sequence[Tensor]) -> Tensor:
        """Similarity features of every frame."""
        means_BTD = torch.cat([stage.mean((3, 4)) for stage in stages_BCTHW], dim=1).transpose(1, 2)
        band: Tensor = self.fc(similarity_band(self.projection(means_BTD), _BAND_FRAMES))
        return band.relu()


class HistogramSimilarity(nn.Module):
    """How like the frames around it each frame is by its colours, [B, T, 128]."""

    def __init__(self, linear: Callable[[int, int], nn.Module] = nn.Linear) -> None:
        super().__init__()
        self.fc = linear(_BAND_FRAMES, _FEATURES)

    def forward(self, frames: Tensor) -> Tensor:
        """Similarity features of every frame of uint8 RGB [B, T, H, W, 3]."""
        band: Tensor = self.fc(similarity_band(color_histograms(frames), _BAND_FRAMES))
        return band.relu()


def frame_features(colors_BTD: Tensor, similarity_BTD: Tensor, x_BCTHW: Tensor) -> Tensor:
    """All that is known of each frame, [B, T, FRAME_FEATURES], in the order the weights expect."""
    pixels_BTD = x_BCTHW.permute(0, 2, 3, 4, 1).flatten(2)
    return torch.cat([colors_BTD, similarity_BTD, pixels_BTD], dim=2)

"""TransNetV2 (arXiv 2008.04838), with the key layout of the authors' PyTorch port (MIT)."""

# ruff: noqa: N806 (shape suffixes: B videos, C channels, T frames, H rows, W columns, D features)

from __future__ import annotations

import torch
from torch import Tensor, nn

from curation.detect.models import layers

_DILATIONS = (1, 2, 4, 8)
_FILTERS = (16, 32, 64)
_CHANNELS = tuple(len(_DILATIONS) * filters for filters in _FILTERS)


class TransNetV2(nn.Module):
    """Finds the frames at which a shot ends.

    Takes uint8 RGB frames [B, T, 27, 48, 3] and gives two logits per frame, [B, T] each: whether it is the
    one frame that marks a transition (the last of the outgoing shot, or the middle of a gradual one), and
    whether it is any frame of a transition. The authors ran it on windows of 100 frames.
    """

    def __init__(self) -> None:
        super().__init__()
        self.SDDCNN = nn.ModuleList(
            _Stage(before, filters) for before, filters in zip((3, *_CHANNELS), _FILTERS, strict=False)
        )
        self.frame_sim_layer = layers.FrameSimilarity(sum(_CHANNELS))
        self.color_hist_layer = layers.HistogramSimilarity()
        self.fc1 = nn.Linear(layers.FRAME_FEATURES, layers.HIDDEN_FEATURES)
        self.dropout = nn.Dropout(0.5)
        self.cls_layer1 = nn.Linear(layers.HIDDEN_FEATURES, 1)
        self.cls_layer2 = nn.Linear(layers.HIDDEN_FEATURES, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """One-hot and many-hot logits.

        Raises:
            ValueError: `frames` are of another type or shape.
        """
        x_BCTHW = layers.video_input(frames)
        stages = []
        for stage in self.SDDCNN:
            x_BCTHW = stage(x_BCTHW)
            stages.append(x_BCTHW)
        features_BTD = layers.frame_features(
            self.color_hist_layer(frames), self.frame_sim_layer(stages), x_BCTHW
        )
        hidden_BTD = self.dropout(self.fc1(features_BTD).relu())
        return self.cls_layer1(hidden_BTD).squeeze(2), self.cls_layer2(hidden_BTD).squeeze(2)


class _Stage(nn.Module):
    """Two cells with a shortcut from the first; the frames leave at half their size."""

    def __init__(self, channels_in: int, filters: int) -> None:
        super().__init__()
        channels = len(_DILATIONS) * filters
        self.DDCNN = nn.ModuleList([_Cell(channels_in, filters), _Cell(channels, filters)])

    def forward(self, x_BCTHW: Tensor) -> Tensor:  # noqa: N803
        first_BCTHW = self.DDCNN[0](x_BCTHW).relu()
        return layers.halved(self.DDCNN[1](first_BCTHW).relu() + first_BCTHW)


class _Cell(nn.Module):
    """Four convolutions that look 1, 2, 4 and 8 frames back and ahead, side by side."""

    def __init__(self, channels_in: int, filters: int) -> None:
        super().__init__()
        for dilation in _DILATIONS:
            self.add_module(f"Conv3D_{dilation}", _Conv(channels_in, filters, dilation))
        self.bn = nn.BatchNorm3d(len(_DILATIONS) * filters, eps=1e-3)

    def forward(self, x_BCTHW: Tensor) -> Tensor:  # noqa: N803
        branches = [self.get_submodule(f"Conv3D_{dilation}")(x_BCTHW) for dilation in _DILATIONS]
        normalised: Tensor = self.bn(torch.cat(branches, dim=1))
        return normalised


class _Conv(nn.Module):
    def __init__(self, channels_in: int, filters: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            layers.spatial_conv(channels_in, 2 * filters),
            layers.temporal_conv(2 * filters, filters, dilation),
        )

    def forward(self, x_BCTHW: Tensor) -> Tensor:  # noqa: N803
        convolved: Tensor = self.layers(x_BCTHW)
        return convolved

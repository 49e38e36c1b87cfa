"""AutoShot (arXiv 2304.06116): the architecture its authors' search chose, with their key layout (MIT)."""

# ruff: noqa: N803, N806 (shape suffixes: B videos, C channels, T frames, H rows, W columns, D features)

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from curation.detect.models import layers

_STAGES = (("Layer_0_3", "Layer_1_8"), ("Layer_2_8", "Layer_3_8"), ("Layer_4_13", "Layer_5_12"))
"""Layer number and, after it, the operation that the search chose from the authors' list."""

UNUSED_KEYS = frozenset({"fc1.linear.weight", "fc1.linear.bias"})
"""In released files, but of a variant with transformer layers; nothing here reads them."""


class AutoShot(nn.Module):
    """Finds the frames at which a shot ends; takes and gives what TransNetV2 does.

    Uint8 RGB frames [B, T, 27, 48, 3] give two logits per frame, [B, T] each: one-hot (the frame that marks
    a transition) and many-hot (any frame of a transition).
    """

    def __init__(self) -> None:
        super().__init__()
        self.Layer_0_3 = _Parallel(3, 16, (16, 16, 16, 16))
        self.Layer_1_8 = _SharedSpatial(64, 64, (12, 12, 12, 12, 16))
        self.Layer_2_8 = _SharedSpatial(64, 128, (25, 25, 25, 25, 28))
        self.Layer_3_8 = _SharedSpatial(128, 128, (25, 25, 25, 25, 28))
        self.Layer_4_13 = _Parallel(128, 192, (51, 51, 51, 51, 52))
        self.Layer_5_12 = _Parallel(256, 128, (51, 51, 51, 51, 52))
        self.frame_sim_layer = layers.FrameSimilarity(64 + 128 + 256, linear=_Linear)
        self.color_hist_layer = layers.HistogramSimilarity(linear=_Linear)
        self.fc1_0 = _Linear(layers.FRAME_FEATURES, layers.HIDDEN_FEATURES)
        self.dropout = nn.Dropout(0.5)
        self.cls_layer1 = _Linear(layers.HIDDEN_FEATURES, 1)
        self.cls_layer2 = _Linear(layers.HIDDEN_FEATURES, 1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """One-hot and many-hot logits.

        Raises:
            ValueError: `frames` are of another type or shape.
        """
        x_BCTHW = layers.video_input(frames)
        stages = []
        for first, second in _STAGES:
            shortcut_BCTHW = self.get_submodule(first)(x_BCTHW)
            x_BCTHW = layers.halved(shortcut_BCTHW + self.get_submodule(second)(shortcut_BCTHW))
            stages.append(x_BCTHW)
        features_BTD = layers.frame_features(
            self.color_hist_layer(frames), self.frame_sim_layer(stages), x_BCTHW
        )
        hidden_BTD = self.dropout(self.fc1_0(features_BTD).relu())
        return self.cls_layer1(hidden_BTD).squeeze(2), self.cls_layer2(hidden_BTD).squeeze(2)


class _Linear(nn.Module):
    """A linear layer that keeps its weights one level deeper."""

    def __init__(self, features_in: int, features_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features_in, features_out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y


class _Parallel(nn.Module):
    """Branches with a spatial convolution each; branch i looks 2^i frames back and ahead."""

    def __init__(self, channels_in: int, channels_mid: int, branches: Sequence[int]) -> None:
        super().__init__()
        self.conv_blocks = nn.ModuleList(
            _Sequence(
                layers.spatial_conv(channels_in, channels_mid),
                layers.temporal_conv(channels_mid, filters, 2**index),
            )
            for index, filters in enumerate(branches)
        )
        self.batch_norm = nn.BatchNorm3d(sum(branches), eps=1e-3)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        branches = torch.cat([block(x_BCTHW) for block in self.conv_blocks], dim=1)
        normalised: Tensor = self.batch_norm(branches)
        return normalised.relu()


class _SharedSpatial(nn.Module):
    """Branches behind one spatial convolution; branch i looks 2^i frames back and ahead."""

    def __init__(self, channels_in: int, channels_mid: int, branches: Sequence[int]) -> None:
        super().__init__()
        self.share = layers.spatial_conv(channels_in, channels_mid)
        self.conv_blocks = nn.ModuleList(
            _Sequence(layers.temporal_conv(channels_mid, filters, 2**index))
            for index, filters in enumerate(branches)
        )
        self.batch_norm = nn.BatchNorm3d(sum(branches), eps=1e-3)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        shared_BCTHW = self.share(x_BCTHW)
        branches = torch.cat([block(shared_BCTHW) for block in self.conv_blocks], dim=1)
        normalised: Tensor = self.batch_norm(branches)
        return normalised.relu()


class _Sequence(nn.Module):
    def __init__(self, *convolutions: nn.Conv3d) -> None:
        super().__init__()
        self.layers = nn.Sequential(*convolutions)

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        convolved: Tensor = self.layers(x_BCTHW)
        return convolved

"""Cliploom's own shot-boundary network: small enough to keep up with a decoder on one CPU core.

It follows AutoShot (arXiv 2304.06116): spatial convolutions shared by temporal ones of several dilations,
a similarity band over learned features, one over colour histograms. Beside those it sees what classical
detectors look at: a similarity band over the layout of light, differences between neighbouring frames, and
how far a frame is from the mix of the frames around it (a dissolve's is near).

Shapes: B windows, T frames, H = 27 and W = 48 pixels, C channels, D features.
"""

# ruff: noqa: N803, N806 (shape suffixes)

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from curation.detect.models.similarity import color_histograms, similarity_band

BAND_FRAMES = 101
"""How far similarities reach: 50 frames to either side (TransNetV2, arXiv 2008.04838, section 3)."""

_DILATIONS = (1, 2, 4, 8)
_MIX_REACH = (1, 2, 4, 8, 16, 32)
_EPS = 1e-3


class TemporalMix(nn.Module):
    """One spatial convolution, then temporal ones of four dilations, each giving a quarter of the channels.

    A temporal convolution of three taps is a pointwise convolution to three parts that are shifted in time
    and added, which is faster on CPUs than a dilated 3D convolution.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.taps = nn.Conv2d(out_channels, 3 * out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x_NCHW: Tensor, windows: int) -> Tensor:
        """Mix [B*T, C, H, W] over space and time."""
        spatial = self.spatial(x_NCHW)
        if self.training:
            return functional.relu(self.norm(_shifted_sum(self.taps(spatial).chunk(3, 1), windows)))
        mean, variance = self.norm.running_mean, self.norm.running_var
        assert mean is not None, "the norm keeps running statistics"
        assert variance is not None
        scale = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        shift = self.norm.bias - mean * scale
        before, here, after = (self.taps.weight * scale.repeat(3)[:, None, None, None]).chunk(3)
        taps = (
            functional.conv2d(spatial, before),
            functional.conv2d(spatial, here, shift),
            functional.conv2d(spatial, after),
        )
        return _shifted_sum(taps, windows).relu_()


def _shifted_sum(taps: Sequence[Tensor], windows: int) -> Tensor:
    """The sum of what lies before, here and after, [B*T, C, H, W] each; a quarter of the channels reaches as
    many frames as each dilation says."""
    frames, channels, height, width = taps[0].shape
    length = frames // windows
    before, here, after = (
        tap.permute(0, 2, 3, 1).reshape(windows, length, height * width, channels) for tap in taps
    )
    total = here.clone() if here.requires_grad else here
    quarter = channels // len(_DILATIONS)
    for number, dilation in enumerate(_DILATIONS):
        part = slice(number * quarter, (number + 1) * quarter)
        reach = min(dilation, length)
        total[:, reach:, :, part] += before[:, : length - reach, :, part]
        total[:, : length - reach, :, part] += after[:, reach:, :, part]
    return total.reshape(frames, height, width, channels).permute(0, 3, 1, 2)


class TemporalHead(nn.Module):
    """Residual convolutions over time on [B, D, T]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for dilation in _DILATIONS
        )

    def forward(self, x_BDT: Tensor) -> Tensor:
        """The same shape, each frame with its surroundings in view."""
        for layer in self.layers:
            x_BDT = x_BDT + functional.relu(layer(x_BDT))
        return x_BDT


class Loom(nn.Module):
    """Logits per gap between a frame and the next: is a transition under way, and is this its centre.

    Args:
        channels: of the stem and of the three stages at 14x24, 7x12 and 3x6 pixels; each divisible by 4.
        width: features per frame in the head.
    """

    def __init__(self, channels: Sequence[int] = (12, 16, 32, 64), width: int = 128) -> None:
        super().__init__()
        stem, *stages = channels
        self.stem = nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(stem)
        self.first = nn.ModuleList(
            TemporalMix(a, b) for a, b in zip([stem, *stages[:-1]], stages, strict=True)
        )
        self.second = nn.ModuleList(TemporalMix(each, each) for each in stages)
        self.project = nn.Linear(sum(stages), 64)
        band = width // 4
        self.learned_band = nn.Linear(BAND_FRAMES, band)
        self.colour_band = nn.Linear(BAND_FRAMES, band)
        self.layout_band = nn.Linear(BAND_FRAMES, band)
        self.signals = nn.Linear(_NUM_SIGNALS, band)
        self.picture = nn.Linear(stages[-1] * 3 * 6, width)
        self.join = nn.Linear(width + 4 * band, width)
        self.dropout = nn.Dropout(0.2)
        self.head = TemporalHead(width)
        self.during = nn.Conv1d(width, 1, 3, padding=1)
        self.centre = nn.Conv1d(width, 1, 3, padding=1)

    def forward(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (during, centre), each [B, T], of uint8 RGB frames [B, T, 27, 48, 3].

        Entry t is about the gap between frames t and t + 1.
        """
        windows, length = frames.shape[:2]
        x = frames.flatten(0, 1).permute(0, 3, 1, 2).float().div(255)
        x = functional.relu(self.stem_norm(self.stem(x.contiguous(memory_format=torch.channels_last))))
        means = []
        for number, (first, second) in enumerate(zip(self.first, self.second, strict=True)):
            y = first(x, windows)
            x = y + second(y, windows)
            means.append(x.mean((2, 3)))
            if number < len(self.first) - 1:
                x = functional.avg_pool2d(x, 2)
        learned_BTD = self.project(torch.cat(means, 1)).unflatten(0, (windows, length))
        picture_BTD = self.picture(x.flatten(1)).unflatten(0, (windows, length))
        with torch.autocast(frames.device.type, enabled=False):
            classical = _classical(frames)
            bands = [
                similarity_band(each.float(), BAND_FRAMES) for each in (learned_BTD, *classical.features)
            ]
        joined = torch.cat(
            [
                functional.relu(picture_BTD),
                functional.relu(self.learned_band(bands[0])),
                functional.relu(self.colour_band(bands[1])),
                functional.relu(self.layout_band(bands[2])),
                functional.relu(self.signals(classical.signals)),
            ],
            -1,
        )
        y_BDT = self.head(self.dropout(functional.relu(self.join(joined))).transpose(1, 2))
        return self.during(y_BDT)[:, 0].float(), self.centre(y_BDT)[:, 0].float()


_NUM_SIGNALS = 6 + 2 * len(_MIX_REACH)


class _Classical:
    def __init__(self, features: tuple[Tensor, Tensor], signals: Tensor) -> None:
        self.features = features
        self.signals = signals


@torch.no_grad()
def _classical(frames: Tensor) -> _Classical:
    """What needs no learning: features whose similarities are compared, and signals [B, T, _NUM_SIGNALS]."""
    small = _reduced(frames)
    luma = small @ small.new_tensor([0.299, 0.587, 0.114])
    layout = luma - luma.mean(-1, keepdim=True)
    histograms = color_histograms(frames)
    brightness, contrast = luma.mean(-1), layout.pow(2).mean(-1).sqrt()
    step = _apart(small, 1)
    signals = [
        brightness / 255,
        torch.log1p(contrast) / 4,
        _ahead(brightness, 1) / 64,
        torch.log1p(step) / 4,
        torch.log((step + 1) / (_around(step) + 1)),
        (histograms[:, 1:] * histograms[:, :-1]).sum(-1),
    ]
    signals[-1] = functional.pad(signals[-1], (0, 1), value=1.0)
    for reach in _MIX_REACH:
        apart, residual = _mixing(small, reach)
        signals += [torch.log1p(apart) / 4, torch.log((residual + 1) / (apart / 2 + 1))]
    return _Classical((histograms, layout), torch.stack(signals, -1))


def _reduced(frames: Tensor) -> Tensor:
    """Colours [B, T, P, 3] at a third of the height and width, 0..255."""
    windows, length = frames.shape[:2]
    pixels = frames.flatten(0, 1).permute(0, 3, 1, 2).float()
    reduced_NPC = functional.avg_pool2d(pixels, 3).flatten(2).transpose(1, 2)
    return reduced_NPC.reshape(windows, length, -1, 3)


def _shifted(x: Tensor, frames: int) -> Tensor:
    """x at t + frames; beyond the window its first or last value stands."""
    length = x.shape[1]
    index = (torch.arange(length, device=x.device) + frames).clamp(0, length - 1)
    return x[:, index]


def _apart(x_BTPC: Tensor, frames: int) -> Tensor:
    """Mean absolute difference between t and t + frames."""
    return (_shifted(x_BTPC, frames) - x_BTPC).abs().mean((2, 3))


def _ahead(x_BT: Tensor, frames: int) -> Tensor:
    return _shifted(x_BT, frames) - x_BT


def _around(x_BT: Tensor) -> Tensor:
    """Mean of the three values on either side."""
    return torch.stack([_shifted(x_BT, each) for each in (-3, -2, -1, 1, 2, 3)]).mean(0)


def _mixing(x_BTPC: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """How far apart the frames `reach` before and after are, and how far t is from their mean."""
    before, after = _shifted(x_BTPC, -reach), _shifted(x_BTPC, reach)
    apart = (after - before).abs().mean((2, 3))
    residual = (x_BTPC - (before + after) / 2).abs().mean((2, 3))
    return apart, residual

"""Masked pixels: VideoMAE's objective and InternVideo's own first stage.

Shape suffixes: B batch, C colour, T frames, H W pixels, L all patches, K visible and M hidden
patches, P values of a patch.
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.initial import built
from training.models.patch_embed import take_tokens
from training.models.pixel_decoder import PixelDecoder
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.randomness import Draw
from training.views.augmentation import Look, augment, draw_crops, normalise, views_of
from training.views.augmentation_config import AugmentationConfig
from training.views.masking import tube_mask

VARIANCE_EPS = 1e-6
"""Keeps flat patches finite; on a scale of 0..1 it is far below one step of 8 bits."""


class PixelGuesser(nn.Module):
    """An encoder and the decoder it is trained with."""

    def __init__(self, config: MaskedPixelsConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.encoder = VideoEncoder(encoder, pool=False)
        self.decoder = PixelDecoder(config.decoder, encoder)

    def forward(self, video_BCTHW: Tensor, visible_BK: Tensor, hidden_BM: Tensor) -> Tensor:
        """Guess the normalised pixels of hidden patches: [B, M, P]; colours are normalised."""
        tokens_BLD = self.encoder(video_BCTHW, visible_BK).tokens_BLD
        guess_BMP: Tensor = self.decoder(tokens_BLD[:, 1:], visible_BK, hidden_BM)
        return guess_BMP


@dataclass(frozen=True, kw_only=True)
class HiddenPixels:
    """Rows to guess at: normalised colours, which patches are shown, and what lies in the others."""

    video_BCTHW: Tensor
    visible_BK: Tensor
    hidden_BM: Tensor
    targets_BMP: Tensor


class MaskedPixels:
    """Guess hidden tubes; the model is on the device (or `on_meta`)."""

    model: nn.Module

    def __init__(
        self,
        config: MaskedPixelsConfig,
        encoder: EncoderConfig,
        augmentation: AugmentationConfig,
        device: torch.device,
        *,
        on_meta: bool = False,
    ) -> None:
        self._encoder_config = encoder
        self._augmentation = augmentation
        self._num_hidden = config.num_hidden(encoder.grid[1] * encoder.grid[2])
        self.model = built(partial(PixelGuesser, config, encoder), device, on_meta=on_meta)

    @torch.no_grad()
    def prepare(self, video_BTHWC: Tensor, draws: Sequence[Draw]) -> HiddenPixels:
        """Crop, mirror and mask."""
        encoder = self._encoder_config
        draws = views_of(draws, self._augmentation.views_per_clip)
        crops = draw_crops(draws, self._augmentation, video_BTHWC.shape[2], encoder.size_px)
        (video_BCTHW,) = augment(video_BTHWC, crops, [Look(encoder.num_frames, encoder.size_px)])
        visible_BK, hidden_BM = tube_mask(draws, encoder.grid, self._num_hidden, video_BCTHW.device)
        targets_BLP = pixel_targets(video_BCTHW, encoder.tubelet_frames, encoder.patch_px)
        return HiddenPixels(
            video_BCTHW=normalise(video_BCTHW),
            visible_BK=visible_BK,
            hidden_BM=hidden_BM,
            targets_BMP=take_tokens(targets_BLP, hidden_BM),
        )

    def terms(self, forward: Callable[..., Any], prepared: HiddenPixels) -> dict[str, Tensor]:
        """The mean squared error."""
        guess_BMP = forward(prepared.video_BCTHW, prepared.visible_BK, prepared.hidden_BM)
        return {"pixels": masked_mse(guess_BMP.float(), prepared.targets_BMP)}

    def after_step(self) -> None:
        """Nothing follows the weights."""

    def tensors(self) -> dict[str, Tensor]:
        """Nothing but the model."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


def pixel_targets(video_BCTHW: Tensor, tubelet_frames: int, patch_px: int) -> Tensor:
    """Pixels of each patch, brought to mean 0 and variance 1 per patch and colour (VideoMAE, section 3.1).

    Returns [B, L, P], patches in raster order of (time, row, column).
    """
    patches = (
        video_BCTHW.unfold(2, tubelet_frames, tubelet_frames)
        .unfold(3, patch_px, patch_px)
        .unfold(4, patch_px, patch_px)
    )
    values_BLCV = patches.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(5).flatten(1, 3)
    variance, mean = torch.var_mean(values_BLCV, dim=-1, keepdim=True)
    return ((values_BLCV - mean) / (variance + VARIANCE_EPS).sqrt()).flatten(2)


def masked_mse(guess_BMP: Tensor, target_BMP: Tensor) -> Tensor:
    """Mean squared error over hidden patches only; near 1 for a guess of zeros."""
    return (guess_BMP - target_BMP).square().mean()

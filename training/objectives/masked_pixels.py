"""Masked pixels: VideoMAE's objective and InternVideo's own first stage.

Shape suffixes: B batch, C colour, T frames, H W pixels, L all patches, K visible and M hidden
patches, P values of a patch.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.augmentation import normalise
from training.masking import tube_mask
from training.models.encoder import VideoEncoder, take_tokens
from training.models.encoder_config import EncoderConfig
from training.models.pixel_decoder import PixelDecoder
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.randomness import Draw

VARIANCE_EPS = 1e-6
"""Keeps flat patches finite; on a scale of 0..1 it is far below one step of 8 bits."""


class MaskedPixels(nn.Module):
    """An encoder and the decoder it is trained with."""

    def __init__(self, config: MaskedPixelsConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self._encoder_config = encoder
        _, height, width = encoder.grid
        self._num_hidden = config.num_hidden(height * width)
        self.encoder = VideoEncoder(encoder)
        self.decoder = PixelDecoder(config.decoder, encoder)

    def forward(self, video_BCTHW: Tensor, draws: Sequence[Draw]) -> dict[str, Tensor]:
        """Loss terms by name, each a scalar; `video_BCTHW` is in 0..1, `draws` has one entry per row."""
        visible_BK, hidden_BM = tube_mask(draws, self._encoder_config.grid, self._num_hidden)
        visible_BK, hidden_BM = visible_BK.to(video_BCTHW.device), hidden_BM.to(video_BCTHW.device)
        features = self.encoder(normalise(video_BCTHW), visible_BK)
        guess_BMP = self.decoder(features[:, 1:], visible_BK, hidden_BM)
        target_BLP = pixel_targets(
            video_BCTHW, self._encoder_config.tubelet_frames, self._encoder_config.patch_px
        )
        return {"pixels": masked_mse(guess_BMP, take_tokens(target_BLP, hidden_BM))}


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

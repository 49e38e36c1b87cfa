"""VideoMAE's light decoder: it guesses the pixels of hidden patches from the visible ones.

Shape suffixes: B batch, K visible patches, M hidden patches, L = K + M, E decoder width, D encoder
width, P values of a patch (tubelet * patch * patch * 3).
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models import initial
from training.models.block import Block
from training.models.encoder_config import EncoderConfig
from training.models.layers import Linear, RMSNorm
from training.models.patch_embed import take_tokens
from training.models.pixel_decoder_config import PixelDecoderConfig
from training.models.positions import sin_cos_positions

RESIDUAL_SCALE = 1.0
"""Branches start at full strength: the decoder is shallow and is thrown away after training."""


class PixelDecoder(nn.Module):
    """Visible features and mask tokens to pixels (VideoMAE, section 3.3)."""

    positions_1LE: Tensor

    def __init__(self, config: PixelDecoderConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        self.grid = encoder.grid
        values = encoder.tubelet_frames * encoder.patch_px**2 * 3
        self.mask_token = nn.Parameter(torch.empty(1, 1, config.width))
        self.register_buffer(
            "positions_1LE", torch.empty(1, encoder.num_tokens, config.width), persistent=False
        )
        self.reset_parameters()
        self.embed = Linear(encoder.width, config.width)
        self.blocks = nn.ModuleList(
            Block(
                config.width,
                config.heads,
                4 * config.width,
                layer_scale_init=RESIDUAL_SCALE,
                gelu=encoder.gelu,
                backend=encoder.attention,
            )
            for _ in range(config.depth)
        )
        self.norm = RMSNorm(config.width)
        self.head = Linear(config.width, values)

    def reset_parameters(self) -> None:
        """Draw the mask token and compute the positions."""
        initial.fill(self.mask_token, initial.normal)
        width = self.mask_token.shape[-1]
        initial.fill(self.positions_1LE, initial.copied(lambda: sin_cos_positions(self.grid, width)[None]))

    def forward(self, features_BKD: Tensor, visible_BK: Tensor, hidden_BM: Tensor) -> Tensor:
        """Guess the hidden patches; returns [B, M, P] in the order of `hidden_BM`."""
        # Float32 positions would make tokens float32 that blocks with bfloat16 weights do not take.
        positions_BLE = self.positions_1LE.to(self.mask_token.dtype).expand(len(features_BKD), -1, -1)
        visible_BKE = self.embed(features_BKD) + take_tokens(positions_BLE, visible_BK)
        hidden_BME = self.mask_token + take_tokens(positions_BLE, hidden_BM)
        x_BLE = torch.cat([visible_BKE, hidden_BME], dim=1)
        for block in self.blocks:
            x_BLE = block(x_BLE)
        pixels_BMP: Tensor = self.head(self.norm(x_BLE[:, visible_BK.shape[1] :]))
        return pixels_BMP

"""The video encoder: space-time patches, a class token, pre-norm blocks; no final norm.

Shape suffixes: B batch, C colour, T frames, H W pixels, L all patches, K visible patches, D width.

Structure and parameter names are those of InternVideo2's student, so that a checkpoint of one is a
checkpoint of the other.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.block import INIT_STD, Block, init_linear, scale_residual_init
from training.models.encoder_config import EncoderConfig
from training.models.positions import sin_cos_positions


class PatchEmbed(nn.Module):
    """One linear map of each block of tubelet x patch x patch pixels."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        patch = (config.tubelet_frames, config.patch_px, config.patch_px)
        self.proj = nn.Conv3d(3, config.width, kernel_size=patch, stride=patch)

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """Tokens in raster order of (time, row, column): [B, L, D]."""
        x_BDTHW: Tensor = self.proj(video_BCTHW)
        return x_BDTHW.flatten(2).transpose(1, 2)


class VideoEncoder(nn.Module):
    """Encodes the visible patches of a clip."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.patch_embed = PatchEmbed(config)
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        positions_LD = sin_cos_positions(config.grid, config.width)
        self.pos_embed = nn.Parameter(nn.functional.pad(positions_LD, (0, 0, 1, 0)).unsqueeze(0))
        self.blocks = nn.ModuleList(
            Block(config.width, config.heads, config.mlp_width, config.layer_scale_init)
            for _ in range(config.depth)
        )
        self.apply(init_linear)
        nn.init.trunc_normal_(self.cls_token, std=INIT_STD)
        scale_residual_init(self.blocks)

    def forward(self, video_BCTHW: Tensor, visible_BK: Tensor | None = None) -> Tensor:
        """Features of the class token and of the patches that `visible_BK` (int64 indices) names.

        All patches are encoded where it is None. Hidden patches are dropped before the first block,
        so that they cost nothing. Returns [B, 1 + K, D], in the order of `visible_BK`.
        """
        x_BLD: Tensor = self.patch_embed(video_BCTHW) + self.pos_embed[:, 1:]
        if visible_BK is not None:
            x_BLD = take_tokens(x_BLD, visible_BK)
        cls_B1D = (self.cls_token + self.pos_embed[:, :1]).expand(len(x_BLD), -1, -1)
        x_BLD = torch.cat([cls_B1D, x_BLD], dim=1)
        for block in self.blocks:
            x_BLD = block(x_BLD)
        return x_BLD


def take_tokens(x_BLD: Tensor, index_BK: Tensor) -> Tensor:
    """The tokens at some indices: [B, K, D]."""
    return x_BLD.gather(1, index_BK.unsqueeze(-1).expand(-1, -1, x_BLD.shape[-1]))

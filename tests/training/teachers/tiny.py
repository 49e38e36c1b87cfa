"""Small teachers, made on the spot."""

from __future__ import annotations

import torch
from torch import Tensor

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig

CPU = torch.device("cpu")

STUDENT = EncoderConfig(
    num_frames=3,
    size_px=28,
    patch_px=14,
    width=32,
    depth=4,
    heads=2,
    mlp_width=48,
    pool_heads=2,
    pool_width=16,
)
"""Three slots of 2 x 2 patches."""

ENCODER = EncoderConfig(
    num_frames=2,
    size_px=28,
    patch_px=14,
    width=48,
    depth=5,
    heads=3,
    mlp_width=80,
    pool_heads=4,
    pool_width=24,
    layer_scale_init=0.1,
)


def weights(config: EncoderConfig, seed: int = 0) -> dict[str, Tensor]:
    """A state dict of which no tensor is zero or one throughout, so that none can be forgotten."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(value.shape, generator=generator) * 0.3
        + (1 if name.endswith("norm1.weight") else 0)
        for name, value in VideoEncoder(config).state_dict().items()
    }


def clips(batch: int, frames: int, size_px: int = 28, seed: int = 1) -> Tensor:
    """Clips [B, C, T, H, W] with colours in 0..1."""
    return torch.rand(batch, 3, frames, size_px, size_px, generator=torch.Generator().manual_seed(seed))

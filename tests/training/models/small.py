"""Networks small enough to run in a test."""

from __future__ import annotations

from typing import Any

import torch

from training.models.encoder_config import EncoderConfig
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig

SMALL = EncoderConfig(
    num_frames=4,
    size_px=32,
    patch_px=8,
    tubelet_frames=2,
    width=32,
    depth=3,
    heads=2,
    mlp_width=64,
    layer_scale_init=0.1,
    pool_heads=4,
    pool_width=24,
)
HEADS = StudentConfig(
    middle=HeadConfig(layers=2, width=20, kind="linear"),
    final=FinalHeadConfig(width=12, kind="linear"),
    motion=HeadConfig(layers=1, width=16, kind="mlp"),
)

VISIBLE = torch.tensor([[0, 5, 17], [3, 4, 31]])


def small(**changes: Any) -> EncoderConfig:
    """The small encoder with some fields changed."""
    return EncoderConfig.model_validate(SMALL.model_dump() | changes)


def count_parameters(model: torch.nn.Module) -> int:
    """Number of weights that a model has, trained or not."""
    return sum(parameter.numel() for parameter in model.parameters())


def video(config: EncoderConfig = SMALL, batch: int = 2) -> torch.Tensor:
    """The same noise for each call."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand(batch, 3, config.num_frames, config.size_px, config.size_px, generator=generator)

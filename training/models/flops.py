"""What a model costs, worked out from its config alone.

Costs are multiply-adds (MACs) of a clip's forward pass in matrices, convolutions and attention; a
floating-point operation is half of one, a training step about three forward passes. Norms, GELUs and sums
are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.models.encoder_config import EncoderConfig
from training.models.student_config import HeadConfig, HeadKind, StudentConfig

if TYPE_CHECKING:
    from torch import nn

TRAINING_PASSES = 3
"""Cost of forward and backward in forward passes."""


def encoder_macs(config: EncoderConfig, num_visible: int | None = None, *, pool: bool = True) -> int:
    """Multiply-adds of encoding a clip, or its `num_visible` visible patches only."""
    visible = config.num_tokens if num_visible is None else num_visible
    tokens, width = visible + 1, config.width
    projections = 4 * width**2 + 2 * width * config.mlp_width
    blocks = config.depth * (tokens * projections + 2 * tokens**2 * width)
    pooling = width**2 + 2 * tokens * width**2 + 2 * tokens * width + width * config.pool_width
    return visible * _patch_values(config) * width + blocks + (pooling if pool else 0)


def student_macs(config: EncoderConfig, heads: StudentConfig, num_visible: int | None = None) -> int:
    """Multiply-adds of the encoder and its heads."""
    visible = config.num_tokens if num_visible is None else num_visible
    macs = encoder_macs(config, visible) + (visible + 1) * _heads_macs(config.width, heads.middle)
    if heads.final is not None:
        macs += _head_macs(config.pool_width, heads.final.width, heads.final.kind)
    if heads.motion is not None:
        macs += visible * _heads_macs(config.width, heads.motion)
    return macs


def encoder_parameters(config: EncoderConfig, *, pool: bool = True) -> int:
    """Number of weights of the encoder."""
    width, hidden = config.width, config.mlp_width
    matrices = 4 * width**2 + 2 * width * hidden
    # Two norms, two norms of q and k, two scales, biases of both output matrices; the bias of the MLP.
    block = matrices + 8 * width + hidden
    pooling = 3 * width**2 + 9 * width + (width + 1) * config.pool_width
    positions = _positions(config, class_token=True, images=config.image_positions)
    embedding = (_patch_values(config) + 1) * width + width
    return config.depth * block + embedding + positions + (pooling if pool else 0)


def student_parameters(config: EncoderConfig, heads: StudentConfig) -> int:
    """Number of weights of the encoder and its heads."""
    number = encoder_parameters(config) + _positions(config, class_token=True, images=config.image_positions)
    number += heads.middle.layers * _head_parameters(config.width, heads.middle.width, heads.middle.kind)
    if heads.final is not None:
        number += _head_parameters(config.pool_width, heads.final.width, heads.final.kind)
    if heads.motion is not None:
        number += _positions(config, class_token=False, images=False)
        number += heads.motion.layers * _head_parameters(config.width, heads.motion.width, heads.motion.kind)
    return number


def count_parameters(model: nn.Module) -> int:
    """Number of weights that a model has, trained or not."""
    return sum(parameter.numel() for parameter in model.parameters())


def _patch_values(config: EncoderConfig) -> int:
    return 3 * config.tubelet_frames * config.patch_px**2


def _positions(config: EncoderConfig, *, class_token: bool, images: bool) -> int:
    _, height, width = config.grid
    rows = config.num_tokens + class_token + (height * width + class_token if images else 0)
    return rows * config.width


def _heads_macs(width: int, heads: HeadConfig) -> int:
    return heads.layers * _head_macs(width, heads.width, heads.kind)


def _head_macs(width: int, output_width: int, kind: HeadKind) -> int:
    return width * output_width + (width**2 if kind == "mlp" else 0)


def _head_parameters(width: int, output_width: int, kind: HeadKind) -> int:
    biases_and_norm = 3 * output_width + (width if kind == "mlp" else 0)
    return _head_macs(width, output_width, kind) + biases_and_norm

"""What a model costs, worked out from its config alone.

Costs are multiply-adds (MACs) of a clip's forward pass in matrices, convolutions and attention; a
floating-point operation is half of one, a training step about three forward passes. Norms, GELUs and sums
are left out.
"""

from __future__ import annotations

from training.models.encoder_config import EncoderConfig
from training.models.student_config import HeadConfig, HeadKind, StudentConfig

COLOURS = 3
TRAINING_PASSES = 3
"""Cost of forward and backward in forward passes."""


def encoder_macs(config: EncoderConfig, num_visible: int | None = None, *, pool: bool = True) -> int:
    """Multiply-adds of encoding a clip, or its `num_visible` visible patches only."""
    visible = config.num_tokens if num_visible is None else num_visible
    tokens, width = visible + 1, config.width
    blocks = config.depth * block_macs(tokens, width, config.mlp_width)
    pooling = width**2 + 2 * tokens * width**2 + 2 * tokens * width + width * config.pool_width
    patches = visible * patch_values(config.patch_px, config.tubelet_frames) * width
    return patches + blocks + (pooling if pool else 0)


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
    width = config.width
    blocks = config.depth * block_parameters(width, config.mlp_width)
    pooling = 3 * width**2 + 9 * width + (width + 1) * config.pool_width
    positions = _positions(config, class_token=True, images=config.image_positions)
    class_token = width
    patches = (patch_values(config.patch_px, config.tubelet_frames) + 1) * width
    return blocks + patches + class_token + positions + (pooling if pool else 0)


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


def block_macs(tokens: int, width: int, mlp_width: int) -> int:
    """Multiply-adds of a block: its linear maps, and the two products of attention."""
    return tokens * (4 * width**2 + 2 * width * mlp_width) + 2 * tokens**2 * width


def block_parameters(width: int, mlp_width: int) -> int:
    """Number of weights of a block, InternVideo2's or VideoMAE's.

    Beside the matrices and the biases of the MLP and the output, InternVideo2's has four norms without bias
    and two scales, VideoMAE's two norms with bias and biases of q and v: six widths in both.
    """
    return 4 * width**2 + 2 * width * mlp_width + 8 * width + mlp_width


def patch_values(patch_px: int, tubelet_frames: int) -> int:
    """Numbers that make up a patch."""
    return COLOURS * tubelet_frames * patch_px**2


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

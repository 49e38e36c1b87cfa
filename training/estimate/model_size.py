"""How many parameters an objective trains, worked out from the config alone."""

from __future__ import annotations

from dataclasses import dataclass

from training.models import flops
from training.models.encoder_config import EncoderConfig
from training.objectives.config import ObjectiveConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """Parameters: all of them, those of the encoder, those that are trained, those of one of its blocks."""

    parameters: int
    encoder: int
    trained: int
    block: int
    depth: int


def model_size(objective: ObjectiveConfig, encoder: EncoderConfig) -> ModelSize:
    """Count the parameters of the model that an objective trains."""
    own = flops.encoder_parameters(encoder, pool=False)
    block = flops.block_parameters(encoder.width, encoder.mlp_width)
    if isinstance(objective, MaskedPixelsConfig):
        whole = own + _pixel_decoder(objective, encoder)
        return ModelSize(parameters=whole, encoder=own, trained=whole, block=block, depth=encoder.depth)
    heads = objective.student(encoder)
    whole = flops.student_parameters(encoder, heads)
    pooled = flops.encoder_parameters(encoder)
    # Where no vector is learned, nothing trains the pooling.
    idle = pooled - own if heads.final is None else 0
    return ModelSize(parameters=whole, encoder=pooled, trained=whole - idle, block=block, depth=encoder.depth)


def _pixel_decoder(objective: MaskedPixelsConfig, encoder: EncoderConfig) -> int:
    width = objective.decoder.width
    values = flops.patch_values(encoder.patch_px, encoder.tubelet_frames)
    blocks = objective.decoder.depth * flops.block_parameters(width, 4 * width)
    # The mask token and the norm are one width each.
    return (encoder.width + 1) * width + blocks + 2 * width + (width + 1) * values

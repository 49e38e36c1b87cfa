"""Sizes of the pixel decoder; apart from `pixel_decoder.py` so that configs load without torch."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from curation.base.config import Config
from training.models.encoder_config import check_width


class PixelDecoderConfig(Config):
    """VideoMAE's decoder: half the encoder's width, four blocks for a large encoder, fewer for a small."""

    width: int = Field(192, description="Channels of a token; a multiple of 16.", ge=16, le=4096)
    depth: int = Field(4, description="Number of blocks.", ge=1, le=16)
    heads: int = Field(3, description="Attention heads; must divide width.", ge=1, le=64)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        check_width("width", self.width, self.heads)
        return self

"""Size and shape of the video encoder; apart from `encoder.py` so that configs load without torch."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from curation.base.config import Config

POSITION_CHANNELS = 16
"""Widths are multiples of this: a quarter of the channels encodes time, three eighths each a column
and a row, and each of the three is half sine, half cosine."""


class EncoderConfig(Config):
    """A plain vision transformer over space-time patches (InternVideo2, table 20 has the sizes)."""

    num_frames: int = Field(8, description="Frames sampled from a clip.", ge=1, le=256)
    size_px: int = Field(
        224, description="Side of the square that the model sees, in pixels.", ge=16, le=1024
    )
    patch_px: int = Field(16, description="Side of a patch, in pixels.", ge=2, le=64)
    tubelet_frames: int = Field(2, description="Consecutive frames that form one patch.", ge=1, le=16)
    width: int = Field(384, description="Channels of a token; a multiple of 16.", ge=16, le=8192)
    depth: int = Field(12, description="Number of blocks.", ge=1, le=128)
    heads: int = Field(6, description="Attention heads; must divide width.", ge=1, le=128)
    mlp_width: int = Field(1536, description="Hidden channels of a block's MLP.", ge=16, le=65536)
    layer_scale_init: float = Field(
        1e-5,
        description="Initial scale of each residual branch; 1e-5 in InternVideo2, larger for short runs.",
        gt=0,
        le=1,
    )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tokens along time, height and width."""
        side = self.size_px // self.patch_px
        return self.num_frames // self.tubelet_frames, side, side

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.size_px % self.patch_px:
            raise ValueError(
                f"size_px = {self.size_px} is not a multiple of patch_px = {self.patch_px}. "
                f"Set size_px to {_nearest(self.size_px, self.patch_px)} or choose another patch_px."
            )
        if self.num_frames % self.tubelet_frames:
            raise ValueError(
                f"num_frames = {self.num_frames} is not a multiple of tubelet_frames = "
                f"{self.tubelet_frames}. Set num_frames to {_nearest(self.num_frames, self.tubelet_frames)} "
                "or choose another tubelet_frames."
            )
        check_width("width", self.width, self.heads)
        return self


def check_width(name: str, width: int, heads: int) -> None:
    """Refuse a token width that positions or heads cannot divide.

    Raises:
        ValueError: with both numbers and a width that would do.
    """
    if width % POSITION_CHANNELS:
        raise ValueError(
            f"{name} = {width} is not a multiple of {POSITION_CHANNELS}, which the 3D positions need. "
            f"Set {name} to {_nearest(width, POSITION_CHANNELS)}."
        )
    if width % heads:
        raise ValueError(
            f"{name} = {width} cannot be shared by heads = {heads}. Set heads to a divisor of {width}."
        )


def _nearest(value: int, step: int) -> int:
    return max(step, round(value / step) * step)

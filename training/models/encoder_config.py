"""Size and shape of the video encoder; apart from `encoder.py` so that configs load without torch."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from curation.base.config import Config, operational

POSITION_CHANNELS = 16
"""Widths are multiples of this: a quarter of the channels encodes time, three eighths each a column
and a row, and each of the three is half sine, half cosine."""

SIZES: dict[str, dict[str, int]] = {
    "S": {"width": 384, "depth": 12, "heads": 6, "mlp_width": 1536},
    "B": {"width": 768, "depth": 12, "heads": 12, "mlp_width": 3072},
    "L": {"width": 1024, "depth": 24, "heads": 16, "mlp_width": 4096},
    "1B": {"width": 1408, "depth": 40, "heads": 16, "mlp_width": 6144},
    "6B": {"width": 3200, "depth": 48, "heads": 25, "mlp_width": 12800},
}
"""InternVideo2, table 20, and the sizes of its distilled students."""


class EncoderConfig(Config):
    """A plain vision transformer over space-time patches (InternVideo2, table 20)."""

    size: Literal["S", "B", "L", "1B", "6B"] | None = operational(
        None,
        description="A size of InternVideo2: sets width, depth, heads and mlp_width, which are what counts. "
        "null: as they say.",
    )
    num_frames: int = Field(8, description="Frames sampled from a clip.", ge=1, le=256)
    size_px: int = Field(224, description="Side of the square that the model sees, in pixels.", ge=2, le=1024)
    patch_px: int = Field(14, description="Side of a patch, in pixels.", ge=2, le=64)
    tubelet_frames: int = Field(1, description="Consecutive frames that form one patch.", ge=1, le=16)
    width: int = Field(384, description="Channels of a token; a multiple of 16.", ge=16, le=8192)
    depth: int = Field(12, description="Number of blocks.", ge=1, le=128)
    heads: int = Field(6, description="Attention heads; must divide width.", ge=1, le=128)
    mlp_width: int = Field(1536, description="Hidden channels of a block's MLP.", ge=1, le=65536)
    layer_scale_init: float = Field(
        1e-5,
        description="Initial scale of each residual branch; 1e-5 in InternVideo2, larger for short runs.",
        gt=0,
        le=1,
    )
    gelu: Literal["tanh", "erf"] = Field(
        "tanh",
        description="The MLP's GELU: tanh is what released weights were trained with, erf is the exact one.",
    )
    drop_path: float = Field(
        0.0,
        description="Share of clips that skip a branch of the last block, rising from 0 at the first; "
        "InternVideo2: S, B, L 0.05, 1B 0.25, 6B 0.3.",
        ge=0,
        lt=1,
    )
    pool_heads: int = Field(16, description="Heads of the attention pooling.", ge=1, le=128)
    pool_width: int = Field(768, description="Channels of the pooled vector.", ge=1, le=8192)
    image_positions: bool = Field(
        False,
        description="Images have positions of their own (InternVideo2 1B, stage 2), not the mean over time.",
    )
    attention: Literal["auto", "sdpa", "flash"] = operational(
        "auto",
        description="What computes attention: PyTorch (sdpa), flash-attn (flash), or flash-attn where it is "
        "installed and applies (auto).",
    )
    checkpointed_blocks: int = operational(
        0,
        description="The first so many blocks keep no activations and are computed again in the backward "
        "pass: less memory, a third more work.",
        ge=0,
        le=128,
    )

    @property
    def grid(self) -> tuple[int, int, int]:
        """Tokens along time, height and width."""
        side = self.size_px // self.patch_px
        return self.num_frames // self.tubelet_frames, side, side

    @property
    def num_tokens(self) -> int:
        """Patches of a clip, without the class token."""
        time, height, width = self.grid
        return time * height * width

    @model_validator(mode="before")
    @classmethod
    def _sized(cls, values: Any) -> Any:
        if not isinstance(values, dict) or values.get("size") not in SIZES:
            return values
        sizes = SIZES[values["size"]]
        for name, value in sizes.items():
            if values.get(name, value) != value:
                raise ValueError(
                    f"{name} = {values[name]}, but size = {values['size']} means {value}. Remove one of them."
                )
        return values | sizes

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
        if self.checkpointed_blocks > self.depth:
            raise ValueError(
                f"checkpointed_blocks = {self.checkpointed_blocks}, but depth = {self.depth}. Set "
                f"checkpointed_blocks to at most {self.depth}."
            )
        check_width("width", self.width, self.heads)
        if self.width % self.pool_heads:
            raise ValueError(
                f"width = {self.width} cannot be shared by pool_heads = {self.pool_heads}. "
                f"Set pool_heads to a divisor of {self.width}."
            )
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

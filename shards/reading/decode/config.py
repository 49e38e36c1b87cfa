"""Which library decodes video, and how frames are scaled. One interface, three decoders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from curation.base.config import Config, operational


class _Decoder(Config):
    scaling: Literal["area", "bilinear", "bicubic"] = Field(
        "area",
        description="How frames are scaled, all with exact rounding: area costs 0.14 ms for a frame from 256 "
        "to 224 px, bilinear 0.24, bicubic 0.33.",
    )
    max_pixels: int = operational(
        4096 * 4096,
        description="Pixels of the largest frame that is decoded; a decoder holds up to 17 such frames.",
        ge=1,
        le=1 << 28,
    )


class PyavConfig(_Decoder):
    """FFmpeg in process by PyAV, on the CPU: the default."""

    kind: Literal["pyav"] = Field("pyav", description="Choose this decoder.")


class TorchcodecConfig(_Decoder):
    """torchcodec (optional; needs the FFmpeg 4-8 shared libraries of the system), on the CPU: the same
    frames, whose colours are converted before they are scaled."""

    kind: Literal["torchcodec"] = Field("torchcodec", description="Choose this decoder.")


class NvdecConfig(_Decoder):
    """The decoder of an NVIDIA GPU by PyAV (needs a build of it with CUDA, and a driver)."""

    kind: Literal["nvdec"] = Field("nvdec", description="Choose this decoder.")
    device: int = operational(0, description="Number of the GPU.", ge=0, le=255)


DecoderConfig = Annotated[PyavConfig | TorchcodecConfig | NvdecConfig, Field(discriminator="kind")]
"""Any of the three, by `kind`."""

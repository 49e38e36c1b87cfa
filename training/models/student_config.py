"""What heads stand on a student; apart from `student.py` so that configs load without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from curation.base.config import Config

HeadKind = Literal["linear", "mlp"]


class HeadConfig(Config):
    """Heads on several of the student's blocks, one each, that learn a teacher's features of tokens."""

    layers: int = Field(6, description="Blocks with a head, counted from the last one back.", ge=1, le=128)
    interval: float = Field(1.0, description="Blocks from one head to the next; rounded down.", ge=1, le=128)
    width: int = Field(3200, description="Channels of the teacher's features.", ge=1, le=16384)
    kind: HeadKind = Field("linear", description="linear: one matrix; mlp: two with a GELU between.")


class FinalHeadConfig(Config):
    """A head on the pooled vector that learns a teacher's pooled vector."""

    width: int = Field(768, description="Channels of the teacher's pooled vector.", ge=1, le=16384)
    kind: HeadKind = Field("linear", description="linear: one matrix; mlp: two with a GELU between.")


class StudentConfig(Config):
    """Heads of InternVideo2's first stage: of an image-text teacher, and of a masked-video teacher."""

    middle: HeadConfig = Field(
        HeadConfig(layers=6, width=3200, kind="linear"),
        description="Heads on the class token and patches (clip_decoder).",
    )
    final: FinalHeadConfig | None = Field(
        FinalHeadConfig(), description="Head on the pooled vector (final_clip_decoder); null: none."
    )
    motion: HeadConfig | None = Field(
        None,
        description="Heads on the patches without the class token (mae_decoder), in InternVideo2 4 of kind "
        "mlp and width 1408; null: none.",
    )


def aligned_layers(depth: int, layers: int, interval: float) -> tuple[int, ...]:
    """Indices of the blocks that are aligned, ascending, from 0: depth - 1 - floor(i * interval).

    Raises:
        ValueError: there are not so many blocks.
    """
    indices = sorted(depth - 1 - int(number * interval) for number in range(layers))
    if indices[0] < 0:
        raise ValueError(
            f"{layers} layers at an interval of {interval:g} reach back {depth - indices[0]} blocks, but "
            f"there are {depth}. Ask for fewer layers or a smaller interval."
        )
    return tuple(indices)

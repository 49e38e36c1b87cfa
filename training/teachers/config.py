"""Teachers to choose from; apart from the models so that configs load without torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from curation.base.config import Config, operational
from training.models import flops
from training.models.encoder_config import EncoderConfig
from training.models.student_config import aligned_layers
from training.released.description import EncoderDescription, StudentDescription, read_description
from training.teachers.architectures import INTERNVL_C, VIDEOMAE_G
from training.teachers.teacher import TeacherSpec

_COMMIT = re.compile(r"[0-9a-f]{40}")


class _TeacherConfig(Config):
    """What all teachers have."""

    precision: Literal["bf16", "fp32"] = Field("bf16", description="Arithmetic of the teacher.")
    micro_batch_size: int | None = operational(
        None, description="Clips per forward pass; null: all that a step brings.", ge=1, le=65536
    )


class _CompiledConfig(_TeacherConfig):
    """A teacher of our own networks."""

    compile: bool = operational(False, description="Compile each block with torch.compile.")


class _FileTeacherConfig(_CompiledConfig):
    """A teacher whose weights the user brings."""

    weights: str = operational(description="File of the weights, or a folder.", min_length=1)
    weights_sha256: str | None = Field(
        None,
        description="sha256 that the file of weights must have, 64 hex digits; null: not checked.",
        pattern="^[0-9a-f]{64}$",
    )


class InternVlConfig(_FileTeacherConfig):
    """InternVL-C's image encoder, frame by frame: InternVideo2's teacher of meaning (section 3.1)."""

    kind: Literal["internvl"] = Field(..., description="InternVL-C ViT-6B.")
    layers: int = Field(6, description="Blocks that the student follows.", ge=1, le=128)
    interval: float = Field(1.0, description="Blocks from one to the next, from the last back.", ge=1, le=128)
    size_px: int = Field(
        224, description="Side of the frames it sees, in pixels; a multiple of 14.", ge=14, le=1022
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_size(self.size_px, INTERNVL_C.patch_px)
        aligned_layers(INTERNVL_C.depth, self.layers, self.interval)
        return self

    @property
    def architecture(self) -> EncoderConfig:
        """The encoder of one frame."""
        return _resized(INTERNVL_C, num_frames=1, size_px=self.size_px)

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        """What it takes and gives beside a student."""
        one = self.architecture
        slots = encoder.grid[0]
        return TeacherSpec(
            name="InternVL-C ViT-6B",
            num_frames=slots,
            size_px=self.size_px,
            grid=(slots, *one.grid[1:]),
            layers=self.layers,
            width=one.width,
            class_token=True,
            final_width=one.pool_width,
            attention=True,
            parameters=flops.encoder_parameters(one),
            gmacs_per_clip=slots * flops.encoder_macs(one) / 1e9,
        )


class VideoMaeConfig(_FileTeacherConfig):
    """VideoMAEv2-g's encoder: InternVideo2's teacher of motion (section 3.1)."""

    kind: Literal["videomae"] = Field(..., description="VideoMAEv2-g.")
    layers: int = Field(4, description="Blocks that the student follows.", ge=1, le=128)
    interval: float = Field(1.0, description="Blocks from one to the next, from the last back.", ge=1, le=128)
    size_px: int = Field(
        224, description="Side of the frames it sees, in pixels; a multiple of 14.", ge=14, le=1022
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check_size(self.size_px, VIDEOMAE_G.patch_px)
        aligned_layers(VIDEOMAE_G.depth, self.layers, self.interval)
        return self

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        """What it takes and gives beside a student."""
        it = VIDEOMAE_G
        slots, side = encoder.grid[0], self.size_px // it.patch_px
        return TeacherSpec(
            name="VideoMAEv2-g",
            num_frames=slots * it.tubelet_frames,
            size_px=self.size_px,
            grid=(slots, side, side),
            layers=self.layers,
            width=it.width,
            class_token=False,
            final_width=None,
            attention=False,
            parameters=it.parameters,
            gmacs_per_clip=it.macs(slots * side**2) / 1e9,
        )


class InternVideo2Config(_FileTeacherConfig):
    """An encoder of this trainer or of InternVideo2, as in its distillation into small models (table 20)."""

    kind: Literal["internvideo2"] = Field(..., description="An InternVideo2 encoder.")
    size: Literal["S", "B", "L", "1B", "6B"] | None = Field(
        None, description="Size of a released file of weights; none for a folder, whose config.json says it."
    )
    layers: int = Field(6, description="Blocks that the student follows.", ge=1, le=128)
    interval: float = Field(
        1.0, description="Blocks from one to the next, from the last back; 3.34 for 6 of 40.", ge=1, le=128
    )
    size_px: int | None = Field(
        None,
        description="Side of the frames it sees, in pixels; null: that of its own training.",
        ge=14,
        le=1024,
    )

    def architecture(self, encoder: EncoderConfig) -> EncoderConfig:
        """The teacher's own encoder, with the student's slots of time.

        Raises:
            ValueError: the folder does not say what it holds; or the size does not suit.
        """
        own = self._own()[0]
        size_px = self.size_px or own.size_px
        _check_size(size_px, own.patch_px)
        return _resized(
            own, num_frames=encoder.grid[0] * own.tubelet_frames, size_px=size_px, image_positions=False
        )

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        """What it takes and gives beside a student.

        Raises:
            ValueError: see `architecture`; or the encoder has too few blocks.
        """
        own, pool = self.architecture(encoder), self._own()[1]
        aligned_layers(own.depth, self.layers, self.interval)
        return TeacherSpec(
            name=f"InternVideo2 ({own.depth} blocks of width {own.width})",
            num_frames=own.num_frames,
            size_px=own.size_px,
            grid=own.grid,
            layers=self.layers,
            width=own.width,
            class_token=True,
            final_width=own.pool_width if pool else None,
            attention=pool,
            parameters=flops.encoder_parameters(own, pool=pool),
            gmacs_per_clip=flops.encoder_macs(own, pool=pool) / 1e9,
        )

    def _own(self) -> tuple[EncoderConfig, bool]:
        """The encoder as it was trained, and whether its pooling was trained too."""
        folder = Path(self.weights)
        if folder.is_dir():
            if self.size is not None:
                raise ValueError(
                    f"size = {self.size} is told by {folder / 'config.json'} already. Leave size out."
                )
            written = read_description(folder)
            if isinstance(written, EncoderDescription):
                return written.encoder, written.pool
            return written.encoder, not isinstance(
                written, StudentDescription
            ) or written.heads.final is not None
        if self.size is None:
            raise ValueError(
                f"weights = {folder} {'is a file' if folder.is_file() else 'is not there'}, so nothing says "
                "how large the encoder is. Set size to S, B, L, 1B or 6B, or convert the file with cliploom "
                "checkpoints convert and give the folder."
            )
        return EncoderConfig(size=self.size), True


class HuggingFaceConfig(_TeacherConfig):
    """An image or video transformer of `transformers`: CLIP, SigLIP, DINOv2, ViT, VideoMAE, V-JEPA 2…"""

    kind: Literal["huggingface"] = Field(..., description="A model of the Hugging Face hub.")
    model: str = Field(
        ..., min_length=1, description="A folder (it starts with / or .), or a name on the Hugging Face hub."
    )
    revision: str | None = Field(
        None, description="The commit of a model on the hub, 40 hex digits; none for a folder."
    )
    layers: int = Field(6, description="Blocks that the student follows.", ge=1, le=128)
    interval: float = Field(1.0, description="Blocks from one to the next, from the last back.", ge=1, le=128)
    size_px: int | None = Field(
        None,
        description="Side of the frames it sees, in pixels; null: that of its own config.",
        ge=14,
        le=2048,
    )

    @property
    def is_folder(self) -> bool:
        """Whether the model lies in a folder on each machine."""
        return self.model.startswith(("/", "."))

    @model_validator(mode="after")
    def _pinned(self) -> Self:
        if self.is_folder and self.revision is not None:
            raise ValueError(
                f"revision = '{self.revision}' says nothing of the folder {self.model}: leave it out"
            )
        if not self.is_folder and (self.revision is None or not _COMMIT.fullmatch(self.revision)):
            raise ValueError(
                f"revision = {self.revision!r} does not pin '{self.model}': give the commit, 40 hex digits, "
                "or a folder that starts with / or ."
            )
        return self

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        """What it takes and gives beside a student, found out on a model without weights.

        Raises:
            ValueError: transformers is missing, its config cannot be had, or it is no such transformer.
        """
        from training.teachers.huggingface_model import describe

        return describe(self, encoder).spec


class EmaConfig(_CompiledConfig):
    """A moving average of the student's own weights (data2vec, V-JEPA)."""

    kind: Literal["ema"] = Field(..., description="Moving average of the student.")
    momentum: float = Field(
        0.99925,
        description="Share of the old average that stays at each step; V-JEPA 2: 0.99925 throughout.",
        gt=0,
        lt=1,
    )
    layers: int = Field(1, description="Blocks that the student follows.", ge=1, le=128)
    interval: float = Field(1.0, description="Blocks from one to the next, from the last back.", ge=1, le=128)

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        """What it takes and gives: what the student does, without a pooled vector.

        Raises:
            ValueError: the student has too few blocks.
        """
        aligned_layers(encoder.depth, self.layers, self.interval)
        return TeacherSpec(
            name="moving average of the student",
            num_frames=encoder.num_frames,
            size_px=encoder.size_px,
            grid=encoder.grid,
            layers=self.layers,
            width=encoder.width,
            class_token=True,
            final_width=None,
            attention=False,
            parameters=flops.encoder_parameters(encoder, pool=False),
            gmacs_per_clip=flops.encoder_macs(encoder, pool=False) / 1e9,
        )


TeacherConfig = Annotated[
    InternVlConfig | VideoMaeConfig | InternVideo2Config | HuggingFaceConfig | EmaConfig,
    Field(discriminator="kind"),
]


def _check_size(size_px: int, patch_px: int) -> None:
    if size_px % patch_px:
        nearest = max(1, round(size_px / patch_px)) * patch_px
        raise ValueError(
            f"size_px = {size_px} is not a multiple of the teacher's patches of {patch_px} px. Set size_px "
            f"to {nearest}."
        )


def _resized(config: EncoderConfig, **changes: Any) -> EncoderConfig:
    return EncoderConfig.model_validate(config.model_dump() | changes)

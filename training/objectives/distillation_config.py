"""Settings of distillation; apart from `distillation.py` so that configs load without torch."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from curation.base.config import Config
from training.models.encoder_config import EncoderConfig
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig, aligned_layers
from training.objectives.target_cache_config import TargetCacheConfig
from training.teachers.config import TeacherConfig
from training.teachers.fit import check_fits
from training.teachers.teacher import TeacherSpec
from training.views.masking_config import MaskConfig


class TermWeights(Config):
    """How much each distance counts in the loss (InternVideo2: 1 each)."""

    middle: float = Field(
        1.0, description="Features of the teacher's blocks, which are always learned.", gt=0
    )
    final: float = Field(1.0, description="The teacher's pooled vector, if it has one; 0: left out.", ge=0)
    motion: float = Field(
        1.0,
        description="Features of the motion teacher's blocks; leave motion_teacher out rather than give 0.",
        ge=0,
    )


class DistillationConfig(Config):
    """Align what a student makes of the visible patches with frozen teachers (InternVideo2's stage 1)."""

    kind: Literal["distill"] = Field(..., description="Distillation from teachers.")
    teacher: TeacherConfig = Field(
        ..., description="Gives features of its blocks, a pooled vector, and where to look."
    )
    motion_teacher: TeacherConfig | None = Field(
        None, description="A second teacher, of which features of blocks are learned only."
    )
    heads: Literal["linear", "mlp"] = Field(
        "linear",
        description="What maps the student's features to the teacher's: linear (InternVideo2's stage 1), or "
        "mlp (its small models). Those for the motion teacher are always mlp.",
    )
    student_interval: float = Field(
        1.0,
        description="Distance of the student's blocks that are aligned, from the last one back; as many as "
        "the teacher gives features of.",
        ge=1,
        le=128,
    )
    mask: MaskConfig = Field(MaskConfig(), description="Which patches the student does not see.")
    masks_per_view: int = Field(
        1,
        description="Masks of each view: the student trains on each, teachers look once.",
        ge=1,
        le=64,
    )
    weights: TermWeights = Field(TermWeights(), description="Weights of the terms of the loss.")
    projection_width: int | None = Field(
        None,
        description="Compare features of blocks in this many random directions, the same for student and "
        "teacher: makes a target cache that much smaller. null: as they are.",
        ge=16,
        le=8192,
    )
    target_cache: TargetCacheConfig | None = Field(
        None, description="Keep targets on disk. null: teachers look in every step."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.mask.kind == "tube" and self.mask.scope == "clip":
            raise ValueError("mask: kind = tube hides the same places in all frames. Set scope: frame.")
        if self.motion_teacher is not None and not self.weights.motion:
            raise ValueError(
                "weights.motion = 0, but there is a motion_teacher, which would look at clips for nothing. "
                "Leave out motion_teacher, or raise its weight."
            )
        if self.motion_teacher is None and "motion" in self.weights.model_fields_set and self.weights.motion:
            raise ValueError(f"weights.motion = {self.weights.motion}, but there is no motion_teacher")
        if self.target_cache is not None:
            for name, teacher in self.teachers().items():
                if teacher.kind == "ema":
                    raise ValueError(
                        f"{name}.kind = ema follows the student, so what it says cannot be kept. Leave out "
                        "target_cache."
                    )
        return self

    @property
    def epoch_cycle(self) -> int | None:
        """After how many passes frames, crops and masks come again; None: never."""
        return None if self.target_cache is None else self.target_cache.views

    def num_frames(self, encoder: EncoderConfig) -> int:
        """How many frames of a clip must be decoded: as many as the one who sees most."""
        return max(encoder.num_frames, *(spec.num_frames for spec in self.specs(encoder).values()))

    def teachers(self) -> dict[str, TeacherConfig]:
        """One teacher or two, by the name of their setting."""
        found = {"teacher": self.teacher}
        if self.motion_teacher is not None:
            found["motion_teacher"] = self.motion_teacher
        return found

    def specs(self, encoder: EncoderConfig) -> dict[str, TeacherSpec]:
        """What the teachers take and give, by the name of their setting."""
        return {name: teacher.spec(encoder) for name, teacher in self.teachers().items()}

    def student(self, encoder: EncoderConfig) -> StudentConfig:
        """The heads that the student needs."""
        specs = self.specs(encoder)
        teacher, motion = specs["teacher"], specs.get("motion_teacher")
        return StudentConfig(
            middle=HeadConfig(
                layers=teacher.layers, interval=self.student_interval, width=teacher.width, kind=self.heads
            ),
            final=FinalHeadConfig(width=teacher.final_width, kind=self.heads)
            if teacher.final_width is not None and self.weights.final
            else None,
            motion=HeadConfig(
                layers=motion.layers, interval=self.student_interval, width=motion.width, kind="mlp"
            )
            if motion is not None
            else None,
        )

    def target_shapes(self, encoder: EncoderConfig) -> dict[str, tuple[int, ...]]:
        """Shapes of all that is learned of one view, by name: visible patches and features."""
        specs, student = self.specs(encoder), self.student(encoder)
        visible = self.mask.num_visible(encoder.grid)
        teacher = specs["teacher"]
        tokens = visible + int(teacher.class_token)
        shapes: dict[str, tuple[int, ...]] = {
            "visible": (self.masks_per_view, visible),
            "middle": (teacher.layers, self.masks_per_view, tokens, self.compared_width(teacher)),
        }
        if "motion_teacher" in specs:
            motion = specs["motion_teacher"]
            shapes["motion"] = (motion.layers, self.masks_per_view, visible, self.compared_width(motion))
        if student.final is not None:
            shapes["final"] = (student.final.width,)
        return shapes

    def kept_bytes(self, encoder: EncoderConfig) -> int:
        """What the target cache keeps of one view, without the few bytes that name it; 0 without a cache."""
        if self.target_cache is None:
            return 0
        shapes = self.target_shapes(encoder)
        indices = math.prod(shapes.pop("visible"))
        return 4 * indices + sum(self.target_cache.bytes_of(shape) for shape in shapes.values())

    def compared_width(self, spec: TeacherSpec) -> int:
        """In how many directions features of a teacher's blocks are compared."""
        return spec.width if self.projection_width is None else min(spec.width, self.projection_width)

    def check(self, encoder: EncoderConfig) -> None:
        """Refuse a student that these teachers cannot teach.

        Raises:
            ValueError: tokens, frames, blocks or masks do not fit; the message says how to make them.
        """
        self.mask.num_visible(encoder.grid)
        specs = self.specs(encoder)
        frames = self.num_frames(encoder)
        for name, spec in specs.items():
            check_fits(spec, encoder, f"objective.{name}")
            if frames % spec.num_frames:
                raise ValueError(
                    f"objective.{name} ({spec.name}) takes {spec.num_frames} of the {frames} frames that are "
                    "decoded: it must divide them. Change model.num_frames or model.tubelet_frames."
                )
            try:
                aligned_layers(encoder.depth, spec.layers, self.student_interval)
            except ValueError as error:
                raise ValueError(
                    f"objective.{name}.layers = {spec.layers} at objective.student_interval = "
                    f"{self.student_interval:g}, model.depth = {encoder.depth}: {error}"
                ) from error
        if frames % encoder.num_frames:
            raise ValueError(
                f"model.num_frames = {encoder.num_frames} must divide the {frames} frames that are decoded "
                f"for the teachers. Change model.num_frames or model.tubelet_frames."
            )
        weights = self.weights
        if specs["teacher"].final_width is None and "final" in weights.model_fields_set and weights.final:
            raise ValueError(
                f"objective.weights.final = {weights.final}, but objective.teacher "
                f"({specs['teacher'].name}) has no pooled vector. Leave out weights.final, or choose a "
                "teacher with attention pooling."
            )
        if self.mask.kind == "attention" and not specs["teacher"].attention:
            raise ValueError(
                f"objective.mask.kind = attention, but objective.teacher ({specs['teacher'].name}) does not "
                "tell where it looks. Set objective.mask.kind to random or tube, or choose a teacher with "
                "attention pooling."
            )

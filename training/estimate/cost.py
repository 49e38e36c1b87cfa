"""What a clip costs to train on, in multiply-adds of matrix products; one counts as two FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

from training.models import flops
from training.models.encoder_config import EncoderConfig
from training.objectives.config import ObjectiveConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.views.augmentation_config import AugmentationConfig

FLOPS_PER_MAC = 2
GIGA = 1e9


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Forward passes that a clip of the batch brings with it, all its views together, in 1e9 multiply-adds.

    What activation checkpointing computes again is left out, so that MFU is comparable with and without it.
    """

    student_gmacs: float
    teacher_gmacs: float = 0.0

    @property
    def student_flops(self) -> float:
        """FLOPs of the student's forward and backward pass."""
        return self.student_gmacs * flops.TRAINING_PASSES * FLOPS_PER_MAC * GIGA

    @property
    def teacher_flops(self) -> float:
        """FLOPs of the teachers' forward passes."""
        return self.teacher_gmacs * FLOPS_PER_MAC * GIGA


def clip_cost(objective: ObjectiveConfig, encoder: EncoderConfig, augmentation: AugmentationConfig) -> Cost:
    """The cost of a clip. Teachers with a target cache count nothing: they look in the first epochs only."""
    views = augmentation.views_per_clip
    if isinstance(objective, MaskedPixelsConfig):
        return Cost(student_gmacs=views * _pixel_macs(objective, encoder) / GIGA)
    visible = objective.mask.num_visible(encoder.grid)
    student = flops.student_macs(encoder, objective.student(encoder), visible)
    teachers = sum(spec.gmacs_per_clip for spec in objective.specs(encoder).values())
    return Cost(
        student_gmacs=views * objective.masks_per_view * student / GIGA,
        teacher_gmacs=views * teachers if objective.target_cache is None else 0.0,
    )


def visible_patches(objective: ObjectiveConfig, encoder: EncoderConfig) -> int:
    """How many patches of a view the student sees."""
    if isinstance(objective, MaskedPixelsConfig):
        slots, height, width = encoder.grid
        return slots * (height * width - objective.num_hidden(height * width))
    return objective.mask.num_visible(encoder.grid)


def _pixel_macs(objective: MaskedPixelsConfig, encoder: EncoderConfig) -> int:
    decoder, tokens, visible = objective.decoder, encoder.num_tokens, visible_patches(objective, encoder)
    block = tokens * 12 * decoder.width**2 + 2 * tokens**2 * decoder.width
    patch_values = 3 * encoder.tubelet_frames * encoder.patch_px**2
    ends = visible * encoder.width * decoder.width + (tokens - visible) * decoder.width * patch_values
    return flops.encoder_macs(encoder, visible, pool=False) + decoder.depth * block + ends

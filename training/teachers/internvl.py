"""InternVL-C's image encoder as a teacher: it sees each frame on its own.

Shape suffixes: see `teacher.py`; F = B * T frames.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.interpolation import interpolate_positions
from training.models.student_config import aligned_layers
from training.teachers.architectures import INTERNVL_C
from training.teachers.config import InternVlConfig
from training.teachers.frozen import (
    DTYPES,
    FrozenTeacher,
    attention_of_frames,
    by_clip,
    compile_blocks,
    unit,
    unit_layers,
)
from training.teachers.teacher import TeacherSpec, TeacherTargets
from training.teachers.weights import Tensors, load_weights

PATCHES = "patch_embed.proj.weight"


class InternVlTeacher(FrozenTeacher):
    """Features of the last blocks, the pooled vector, and where the pooling looks.

    The class token of a clip is the mean of those of its frames, its pooled vector the mean of theirs.
    """

    def __init__(self, config: InternVlConfig, spec: TeacherSpec, encoder: VideoEncoder) -> None:
        super().__init__(config, spec, encoder)
        self._encoder = encoder
        self._blocks = aligned_layers(encoder.config.depth, config.layers, config.interval)
        if config.compile:
            compile_blocks(encoder.blocks)

    @classmethod
    def load(cls, config: InternVlConfig, student: EncoderConfig, device: torch.device) -> InternVlTeacher:
        """Read the released weights.

        Raises:
            ValueError: they are missing, or not those of this model.
        """
        architecture = config.architecture
        with torch.device("meta"):
            encoder = VideoEncoder(architecture)
        load_weights(
            encoder,
            config,
            device,
            DTYPES[config.precision],
            kinds=("internvl",),
            adapt=lambda tensors: for_video(tensors, architecture),
        )
        return cls(config, config.spec(student), encoder)

    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        batch, _, slots, _, _ = video_BCTHW.shape
        frames_FC1HW = video_BCTHW.transpose(1, 2).flatten(0, 1).unsqueeze(2)
        seen = self._encoder(frames_FC1HW, layers=self._blocks)
        middle_KBLD = unit_layers(by_clip(layer_FLD, batch, 1) for layer_FLD in seen.layers_KBLD)
        final_BD = unit(seen.pooled_BP.float().unflatten(0, (batch, slots)).mean(dim=1))
        return TeacherTargets(
            middle_KBLD=middle_KBLD,
            final_BD=final_BD,
            attention_BTN=attention_of_frames(seen.attention_BL[:, 1:], slots),
        )


def for_video(tensors: Tensors, architecture: EncoderConfig) -> Tensors:
    """An image encoder's tensors for videos of one frame, and for another resolution."""
    weight = tensors[PATCHES]
    adapted = {**tensors, PATCHES: weight.unsqueeze(2) if weight.ndim == 4 else weight}
    # Without positions the file is refused with all that it lacks.
    if "pos_embed" in tensors:
        trained = INTERNVL_C.model_copy(update={"patch_px": architecture.patch_px}).grid
        adapted["pos_embed"] = interpolate_positions(tensors["pos_embed"].float(), trained, architecture.grid)
    return adapted

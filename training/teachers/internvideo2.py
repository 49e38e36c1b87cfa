"""An InternVideo2 encoder as a teacher of smaller ones; so is any encoder that was trained here.

Shape suffixes: see `teacher.py`.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.interpolation import interpolate_positions
from training.models.student_config import aligned_layers
from training.released.description import read_description
from training.released.kinds import HEADS
from training.teachers.config import InternVideo2Config
from training.teachers.frozen import (
    DTYPES,
    FrozenTeacher,
    attention_of_clips,
    compile_blocks,
    unit,
    unit_layers,
)
from training.teachers.teacher import TeacherSpec, TeacherTargets
from training.teachers.weights import Tensors, load_weights


class InternVideo2Teacher(FrozenTeacher):
    """Features of some blocks, the pooled vector, and where the pooling looks in the whole clip."""

    def __init__(self, config: InternVideo2Config, spec: TeacherSpec, encoder: VideoEncoder) -> None:
        super().__init__(config, spec, encoder)
        self._encoder = encoder
        self._blocks = aligned_layers(encoder.config.depth, config.layers, config.interval)
        if config.compile:
            compile_blocks(encoder.blocks)

    @classmethod
    def load(
        cls, config: InternVideo2Config, student: EncoderConfig, device: torch.device
    ) -> InternVideo2Teacher:
        """Read a released file, or a folder that was converted or exported.

        Raises:
            ValueError: it is missing, or does not fit.
        """
        spec, architecture = config.spec(student), config.architecture(student)
        pool = spec.final_width is not None
        with torch.device("meta"):
            encoder = VideoEncoder(architecture, pool=pool)

        def with_positions(tensors: Tensors) -> Tensors:
            # Without positions the file is refused with all that it lacks.
            if "pos_embed" not in tensors:
                return tensors
            positions = tensors["pos_embed"].float()
            trained = _trained_grid(Path(config.weights), positions)
            return {**tensors, "pos_embed": interpolate_positions(positions, trained, architecture.grid)}

        load_weights(
            encoder,
            config,
            device,
            DTYPES[config.precision],
            kinds=("student", "encoder", "classifier"),
            adapt=with_positions,
            # A teacher of clips needs neither heads nor positions of images.
            unused=HEADS - {"clip_projector"} if pool else HEADS,
        )
        return cls(config, spec, encoder)

    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        seen = self._encoder(video_BCTHW, layers=self._blocks)
        middle_KBLD = unit_layers(seen.layers_KBLD)
        if seen.pooled_BP is None:
            return TeacherTargets(middle_KBLD=middle_KBLD, final_BD=None, attention_BTN=None)
        return TeacherTargets(
            middle_KBLD=middle_KBLD,
            final_BD=unit(seen.pooled_BP.float()),
            attention_BTN=attention_of_clips(seen.attention_BL[:, 1:], self.spec.grid[0]),
        )


def _trained_grid(path: Path, positions_1LD: Tensor) -> tuple[int, int, int]:
    """The grid that positions are of: a folder says it; released files were trained at 224 px."""
    if path.is_dir():
        return read_description(path).encoder.grid
    side = EncoderConfig().grid[1]
    slots, rest = divmod(positions_1LD.shape[1] - 1, side**2)
    if rest or not slots:
        raise ValueError(
            f"{path}: {positions_1LD.shape[1]} positions are not a class token and {side}x{side} for each "
            "slot of time, as in released files. Convert it with cliploom checkpoints convert and give the "
            "folder."
        )
    return slots, side, side

"""Configs to teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.models.encoder_config import EncoderConfig
from training.teachers.config import (
    EmaConfig,
    HuggingFaceConfig,
    InternVideo2Config,
    InternVlConfig,
    TeacherConfig,
    VideoMaeConfig,
)

if TYPE_CHECKING:
    import torch

    from training.teachers.frozen import FrozenTeacher


def build_teacher(config: TeacherConfig, encoder: EncoderConfig, device: torch.device) -> FrozenTeacher:
    """The teacher of a student with this encoder, loaded, on a device.

    Raises:
        ValueError: its weights are missing, unsafe to read, or not those of the model.
    """
    match config:
        case InternVlConfig():
            from training.teachers.internvl import InternVlTeacher

            return InternVlTeacher.load(config, encoder, device)
        case VideoMaeConfig():
            from training.teachers.videomae import VideoMaeTeacher

            return VideoMaeTeacher.load(config, encoder, device)
        case InternVideo2Config():
            from training.teachers.internvideo2 import InternVideo2Teacher

            return InternVideo2Teacher.load(config, encoder, device)
        case HuggingFaceConfig():
            from training.teachers.huggingface import HuggingFaceTeacher

            return HuggingFaceTeacher.load(config, encoder, device)
        case EmaConfig():
            from training.teachers.ema import EmaTeacher

            return EmaTeacher(config, encoder, device)

"""Checkpoints as they are released, with few and narrow blocks, made on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from training.models.classifier import VideoClassifier
from training.models.classifier_config import ClassifierConfig
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig

Model = TypeVar("Model", bound=nn.Module)

SMALL = EncoderConfig(num_frames=2, width=384, heads=6, depth=2, mlp_width=24, pool_width=32)
"""The width of a released size, so that heads are known; 224 px, so that the grid is."""
TEACHERS = StudentConfig(
    middle=HeadConfig(layers=2, width=20, kind="linear"),
    final=FinalHeadConfig(width=32, kind="linear"),
    motion=HeadConfig(layers=1, width=16, kind="mlp"),
)
DISTILLED = StudentConfig(
    middle=HeadConfig(layers=2, width=20, kind="mlp"), final=FinalHeadConfig(width=32, kind="mlp")
)
ONE_TEACHER = StudentConfig(
    middle=HeadConfig(layers=2, width=20, kind="linear"), final=FinalHeadConfig(width=32, kind="linear")
)


def small(**changes: Any) -> EncoderConfig:
    """The small encoder with some fields changed."""
    return EncoderConfig.model_validate(SMALL.model_dump() | changes)


def student(heads: StudentConfig = TEACHERS, **changes: Any) -> Student:
    return filled(Student(small(**changes), heads))


def encoder(**changes: Any) -> VideoEncoder:
    return filled(VideoEncoder(small(**changes)))


def classifier(*, extra_mlp: bool = False) -> VideoClassifier:
    return filled(VideoClassifier(SMALL, ClassifierConfig(num_classes=5, extra_mlp=extra_mlp)))


def stage2(dtype: torch.dtype = torch.bfloat16) -> dict[str, Tensor]:
    """A whole stage-2 file: the vision encoder, and what is not of this trainer."""
    vision = student(ONE_TEACHER, image_positions=True).state_dict()
    tensors = {f"vision_encoder.{name}": tensor.to(dtype) for name, tensor in vision.items()}
    tensors |= {f"text_encoder.bert.encoder.layer.{k}.output.dense.weight": torch.zeros(2) for k in range(3)}
    return tensors | {"vision_proj.weight": torch.zeros(2, 2), "temp": torch.tensor(0.07)}


def filled(model: Model, seed: int = 0) -> Model:
    """The model with noise in every tensor, so that none can be forgotten."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return model.eval()


def save(path: Path, value: Any) -> Path:
    torch.save(value, path)
    return path


def same(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)

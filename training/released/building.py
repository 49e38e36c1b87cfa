"""From a description to its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.released.description import (
    ClassifierDescription,
    Description,
    EncoderDescription,
    StudentDescription,
)
from training.released.matching import Shape, shapes_of

if TYPE_CHECKING:
    from training.models.encoder import VideoEncoder


def build(description: Description) -> VideoEncoder:
    """The model of a description, with fresh weights on torch's default device."""
    match description:
        case StudentDescription():
            from training.models.student import Student

            return Student(description.encoder, description.heads)
        case ClassifierDescription():
            from training.models.classifier import VideoClassifier

            return VideoClassifier(description.encoder, description.head)
        case EncoderDescription():
            from training.models.encoder import VideoEncoder

            return VideoEncoder(description.encoder, pool=description.pool)


def model_shapes(description: Description) -> dict[str, Shape]:
    """Names and shapes of the tensors of a model, without memory for them."""
    import torch

    with torch.device("meta"):
        return shapes_of(build(description).state_dict())

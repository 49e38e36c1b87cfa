"""Models that were built without memory, on PyTorch's meta device."""

from __future__ import annotations

import torch
from torch import nn

from training.models.initial import init_weights


def on_meta(model: nn.Module) -> bool:
    """Whether a model has no memory yet."""
    return any(parameter.is_meta for parameter in model.parameters())


def materialise(model: nn.Module, device: torch.device) -> None:
    """Give a model memory, for the part that this process has of it, and draw its weights.

    They come from PyTorch's generator: seed it alike on all processes.
    """
    model.to_empty(device=device)
    init_weights(model)

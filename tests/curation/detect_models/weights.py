"""State dicts in the official layouts, made up."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from benchmarks.parity_shots import drawn_weight
from curation.detect.models.autoshot import AutoShot
from curation.detect.models.checkpoints import ModelKind
from curation.detect.models.transnetv2 import TransNetV2

DEAD = {"fc1.linear.weight": [1024, 5888], "fc1.linear.bias": [1024]}


@functools.cache
def layout(kind: ModelKind) -> dict[str, list[int]]:
    """Every key with its shape, as released: AutoShot's with the layer that nothing reads."""
    with torch.device("meta"):
        module = AutoShot() if kind == "autoshot" else TransNetV2()
    found = {key: list(value.shape) for key, value in module.state_dict().items()}
    return found | DEAD if kind == "autoshot" else found


@functools.cache
def _drawn(kind: ModelKind) -> dict[str, Tensor]:
    return {key: drawn_weight(key, shape, 0) for key, shape in layout(kind).items()}


def state(kind: ModelKind) -> dict[str, Tensor]:
    """A state dict of one's own; the tensors are shared."""
    return dict(_drawn(kind))

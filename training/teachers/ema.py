"""A moving average of the student's own weights as its teacher.

Shape suffixes: see `teacher.py`.

As in data2vec (arXiv 2202.03555) and V-JEPA 2 (arXiv 2506.09985). The average sees all patches and no
gradient. Its features are normalised over their channels before they are compared, as both do: a student
that gave the same vector everywhere would otherwise be right. The momentum is constant, as in V-JEPA 2;
data2vec and V-JEPA raise theirs over the run.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional

from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.student_config import aligned_layers
from training.teachers.config import EmaConfig
from training.teachers.frozen import FrozenTeacher, compile_blocks, unit_layers
from training.teachers.teacher import TeacherTargets


class EmaTeacher(FrozenTeacher):
    """An encoder as large as the student's that follows it slowly. It knows nothing until `start`."""

    def __init__(self, config: EmaConfig, student: EncoderConfig, device: torch.device) -> None:
        # No weights are drawn here: that would move the generator that the student's randomness comes from.
        with torch.device("meta"):
            encoder = VideoEncoder(student, pool=False)
        encoder.to_empty(device=device)
        super().__init__(config, config.spec(student), encoder)
        self._encoder = encoder
        self._momentum = config.momentum
        self._blocks = aligned_layers(student.depth, config.layers, config.interval)
        if config.compile:
            compile_blocks(encoder.blocks)

    @torch.no_grad()
    def start(self, model: nn.Module) -> None:
        """Take over the weights of a student's encoder."""
        for average, weight in self._pairs(model):
            average.copy_(weight)

    @torch.no_grad()
    def follow(self, model: nn.Module) -> None:
        """Move a little towards the student after an update; with split weights, on all processes at once."""
        for average, weight in self._pairs(model):
            average.lerp_(weight.to(average), 1 - self._momentum)

    def tensors(self) -> dict[str, Tensor]:
        """The average, by the student's names, to be written and filled in place."""
        return {name: average.detach() for name, average in self._encoder.named_parameters()}

    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        # The average stays in float32: bfloat16 would round away what a step adds to it.
        with torch.autocast(
            video_BCTHW.device.type, dtype=torch.bfloat16, enabled=self.dtype != torch.float32
        ):
            layers_KBLD = self._encoder(video_BCTHW, layers=self._blocks).layers_KBLD
        centred = (
            functional.layer_norm(layer.float(), layer.shape[-1:]).to(self.dtype) for layer in layers_KBLD
        )
        return TeacherTargets(middle_KBLD=unit_layers(centred), final_BD=None, attention_BTN=None)

    def _pairs(self, model: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        """Each weight of the average and the student's, whole, in the same order on all processes."""
        own = dict(model.named_parameters())
        for name, average in self._encoder.named_parameters():
            with _whole(own[name]) as weight:
                yield average, weight


@contextmanager
def _whole(weight: Tensor) -> Iterator[Tensor]:
    """A weight that an engine has split, put together again while open: FSDP's, or DeepSpeed's in ZeRO-3."""
    if isinstance(weight, DTensor):
        yield weight.full_tensor()
    elif hasattr(weight, "ds_id"):
        with importlib.import_module("deepspeed").zero.GatheredParameters([weight]):
            yield weight
    else:
        yield weight

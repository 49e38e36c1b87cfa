"""What the training loop asks of an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

LoadInPlace = Callable[[dict[str, Tensor]], None]
"""Fills tensors by name from a checkpoint. Every process calls it as often as the others, with what it
holds; where it fails on one, it fails on all."""


class Engine(Protocol):
    """Runs and updates the model of an objective. The processes of a run call its methods in step."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model, in the precision of the config."""
        ...

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Add a micro-batch's gradients; with the `last` one of a step the processes take their mean.

        `loss` is the mean over the micro-batch; the engine divides by the number of micro-batches.
        """
        ...

    def step(self, learning_rate: float) -> float:
        """Clip, update, clear gradients; returns the norm of the whole gradient before clipping.

        Raises:
            NonFiniteGradientError: the norm is no number; weights and optimizer state are as they were.
            ValueError: parameters got no gradient; seen in the first step.
            ToldElsewhereError: the same, and another process has the message.
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What this process writes into a checkpoint: `model/<name>`, `optimizer/<name>/exp_avg` and
        `/exp_avg_sq`, float32, by the names of the bare model. DTensor where a tensor is split; processes
        may name different tensors."""
        ...

    def shapes(self) -> dict[str, torch.Size]:
        """The whole tensors that `tensors` of all processes hold, known without asking any of them."""
        ...

    def restore(self, load: LoadInPlace, step: int) -> None:
        """Put weights and optimizer state back, as they were after `step`, whatever engine wrote them.

        `load` may be called several times, each time with some of the names; what processes tell each
        other goes on outside of it.
        """
        ...


class NonFiniteGradientError(ValueError):
    """The gradient is no number any more."""

    def __init__(self, norm: float) -> None:
        super().__init__(f"gradient norm {norm}")
        self.norm = norm

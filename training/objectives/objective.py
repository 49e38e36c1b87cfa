"""What training asks of an objective.

An objective owns the model that is trained and everything that turns 8-bit frames into a loss: views,
masks, teachers. The engine owns how the model runs and is updated. So any objective trains on any engine.
"""

# ruff: noqa: N803 (shape suffixes)
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from training.randomness import Draw

Prepared = TypeVar("Prepared")
"""What one objective prepares for itself: a frozen dataclass of tensors on the device."""


class Objective(Protocol[Prepared]):
    """What the model learns."""

    model: nn.Module
    """What is trained, checkpointed and exported; engines wrap it."""

    def prepare(self, video_BTHWC: Tensor, draws: Sequence[Draw]) -> Prepared:
        """Views, masks and targets of some clips, without gradients.

        `video_BTHWC` is uint8 on the device, square, at the loader's size; `draws` has one entry per clip.
        """
        ...

    def terms(self, forward: Callable[..., Any], prepared: Prepared) -> dict[str, Tensor]:
        """Weighted loss terms by name, each a float32 scalar, the mean over the clips; their sum is the loss.

        `forward` calls the model as the engine wraps it.
        """
        ...

    def after_step(self) -> None:
        """Follow the weights after each update (a moving average, say)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What besides the model a checkpoint must hold, by name, to be written and filled in place."""
        ...

    def close(self) -> None:
        """Finish what is still being written, and let go of files and threads.

        Raises:
            OSError: it could not be written.
        """
        ...

"""What can go wrong while training, apart from torch, so that a command can tell it apart."""

from __future__ import annotations


class NonFiniteLossError(ValueError):
    """The loss or its gradient is no number any more; `keys` are those of the samples of all processes."""

    def __init__(self, message: str, step: int, keys: tuple[str, ...]) -> None:
        super().__init__(message)
        self.step = step
        self.keys = keys


class ToldElsewhereError(ValueError):
    """Another process of the run reports what is wrong; this one only ends."""

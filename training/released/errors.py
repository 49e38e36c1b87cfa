"""What is wrong with a checkpoint, for the one who named it."""

from __future__ import annotations


class CheckpointFileError(ValueError):
    """The file is no checkpoint that can be read, or is not safe to read."""


class NoCheckpointError(CheckpointFileError):
    """There is nothing of that name, or a folder without a checkpoint."""


class CheckpointMismatchError(ValueError):
    """The file was read, but its tensors are not those of the model."""

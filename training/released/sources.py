"""Where a model's tensors may lie: a file, a folder that was converted, a checkpoint of a training run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.released.description import CONFIG, Description, read_description
from training.released.errors import CheckpointFileError
from training.released.files import Wrapping, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Tensors by name, how they lay there, and what the place says of them (None: nothing). `path` is what
    was read: of an output folder, its newest checkpoint."""

    path: Path
    tensors: dict[str, Tensor]
    wrapping: Wrapping
    described: Description | None


def read_source(path: Path, ignored: Collection[str] = ()) -> Source:
    """Read a checkpoint of any kind.

    Raises:
        NoCheckpointError: there is none.
        CheckpointFileError: it is damaged, or not safe to read.
    """
    from training.checkpoints.export import is_training_checkpoint

    path = _newest(path)
    if path.is_dir() and is_training_checkpoint(path):
        return _read_training(path)
    tensors, wrapping = read_tensors(path, ignored=ignored)
    described = read_description(path) if (path / CONFIG).is_file() else None
    return Source(path=path, tensors=tensors, wrapping=wrapping, described=described)


def _newest(path: Path) -> Path:
    """The newest checkpoint of an output folder of `cliploom train`; else the path as it is."""
    steps = sorted((path / CHECKPOINTS).glob("step_*"))
    return steps[-1] if steps else path


def _read_training(path: Path) -> Source:
    from training.checkpoints.export import read_model
    from training.checkpoints.state import read_state

    try:
        tensors, described = read_model(path)
        step = read_state(path).progress.step
    except ValueError as error:
        raise CheckpointFileError(f"{path}: {error}") from None
    wrapping = Wrapping(format="checkpoint of cliploom train", keys=(), beside={"step": step}, left_out=())
    return Source(path=path, tensors=tensors, wrapping=wrapping, described=described)

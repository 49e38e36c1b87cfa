"""What a checkpoint is, and whether its model would load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.released.architecture import Hints, describe
from training.released.building import model_shapes
from training.released.description import Description, EncoderDescription
from training.released.files import Wrapping
from training.released.kinds import PATCHES, Recognised, recognise
from training.released.matching import Mismatch, Shapes, compare, shapes_of
from training.released.sources import Source, read_source

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What the names and shapes of a file say: the kind, the model that they are of, and what differs from
    it. `description` is None for teachers; it and `mismatch` are None where `problem` says why."""

    recognised: Recognised
    description: Description | None
    mismatch: Mismatch | None
    problem: str | None

    @property
    def loads(self) -> bool:
        """Whether a strict load works."""
        return self.mismatch is not None and self.mismatch.none


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A checkpoint looked at. `parameters` are the model's, `dtypes` the number of its values by type;
    `described` says whether the place tells of its model itself, instead of by shapes alone."""

    size_bytes: int
    wrapping: Wrapping
    identity: Identity
    parameters: int
    dtypes: Mapping[str, int]
    described: bool


def identify(shapes: Shapes, source: str, hints: Hints, described: Description | None = None) -> Identity:
    """Tell what a state dict is, from shapes alone, or from what its folder says (`described`).

    Raises:
        CheckpointMismatchError: it is nothing that is known.
    """
    found = recognise(shapes, source)
    problem = _not_built(found, source)
    if problem is not None:
        return Identity(recognised=found, description=None, mismatch=None, problem=problem)
    teacher = _teacher_shapes(found)
    if teacher is not None:
        return Identity(
            recognised=found, description=None, mismatch=compare(found.own, teacher), problem=None
        )
    try:
        description = described or describe(found, hints, source)
        wanted = model_shapes(description)
    except ValueError as error:
        return Identity(recognised=found, description=None, mismatch=None, problem=str(error))
    return Identity(
        recognised=found, description=description, mismatch=compare(found.own, wanted), problem=None
    )


def inspect_checkpoint(path: Path, hints: Hints, ignored: Collection[str] = ()) -> Inspection:
    """Look at a file or folder; weights are not read where the format allows it.

    Raises:
        CheckpointFileError: it cannot be read safely.
        CheckpointMismatchError: it is nothing that is known.
    """
    source = read_source(path, ignored)
    identity = identify_source(source, hints)
    own = own_tensors(source.tensors, identity.recognised)
    dtypes: Counter[str] = Counter()
    for tensor in own.values():
        dtypes[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    return Inspection(
        size_bytes=_size_bytes(source.path),
        wrapping=source.wrapping,
        identity=identity,
        parameters=sum(dtypes.values()),
        dtypes=dict(dtypes),
        described=source.described is not None,
    )


def identify_source(source: Source, hints: Hints) -> Identity:
    """Tell what was read.

    Raises:
        CheckpointMismatchError: it is nothing that is known.
        ValueError: it says what it is, and there are hints.
    """
    if source.described is not None and hints != Hints():
        raise ValueError(
            f"{source.path} says itself what its model is. Leave out --heads, --file-frames and --gelu."
        )
    return identify(shapes_of(source.tensors), str(source.path), hints, source.described)


def own_tensors(tensors: Mapping[str, Tensor], found: Recognised) -> dict[str, Tensor]:
    """The model's tensors, by their names in the model."""
    return {name: tensors[found.prefix + name] for name in found.own}


def _not_built(found: Recognised, source: str) -> str | None:
    if found.kind == "delta":
        return (
            f"{source} is whole, but it is no model: it holds an attention pooling and no encoder. It was "
            f"trained on top of {found.needs}. Cliploom does not lay one upon the other: give the encoder's "
            "own file, which has a pooling too, that of its own stage."
        )
    return None


def _teacher_shapes(found: Recognised) -> Shapes | None:
    """Names and shapes of the teacher that a file is of; None: of none."""
    import torch

    from training.teachers.architectures import INTERNVL_C, VIDEOMAE_G

    if found.kind == "videomae":
        from training.teachers.videomae import VideoMaeEncoder

        with torch.device("meta"):
            return shapes_of(VideoMaeEncoder(VIDEOMAE_G).state_dict())
    if found.kind == "internvl":
        wanted = model_shapes(EncoderDescription(encoder=INTERNVL_C))
        width, colours, _, *patch = wanted[PATCHES]
        return wanted | {PATCHES: (width, colours, *patch)} if len(found.own[PATCHES]) == 4 else wanted
    return None


def _size_bytes(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())

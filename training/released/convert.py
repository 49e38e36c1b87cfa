"""From a released or trained checkpoint to a folder that says what it is and loads without pickle."""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from training.checkpoints.manifest import sha256, sync
from training.models.encoder_config import EncoderConfig
from training.released.architecture import Hints
from training.released.description import (
    CONFIG,
    Description,
    Provenance,
    to_json,
)
from training.released.errors import CheckpointFileError, CheckpointMismatchError
from training.released.files import WEIGHTS
from training.released.inspection import Identity, identify_source, own_tensors
from training.released.load import load_model
from training.released.positions import interpolated
from training.released.sources import Source, read_source

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A folder that was written. `changes` says what differs from the source, a sentence each."""

    folder: Path
    description: Description
    parameters: int
    size_bytes: int
    changes: tuple[str, ...]


def convert(
    source: Path,
    output: Path,
    hints: Hints,
    *,
    num_frames: int | None = None,
    size_px: int | None = None,
    ignored: Collection[str] = (),
) -> Converted:
    """Write the model of a checkpoint as a folder of safetensors and config.json, and load it again.

    Positions are interpolated to `num_frames` and `size_px` where these are given and differ. The folder
    appears whole or not at all.

    Raises:
        CheckpointFileError: the source cannot be read, or holds NaN or infinity.
        CheckpointMismatchError: the source is no whole model.
        ValueError: the output exists, or the model cannot have so many frames or pixels.
    """
    if output.exists():
        raise ValueError(f"{output} exists already. Choose another folder, or remove it.")
    read = read_source(source, ignored)
    identity = identify_source(read, hints)
    description = _model_of(identity, read.path)
    own = own_tensors(read.tensors, identity.recognised)
    _check_finite(own, read.path)
    target = _resized(description.encoder, num_frames, size_px)
    own, changed = interpolated(own, description.encoder.grid, target.grid)
    changes = _changes(identity, description.encoder, target, changed)
    described = type(description).model_validate(
        description.model_dump()
        | {
            "encoder": target.model_dump(),
            "provenance": _provenance(read, identity, changes).model_dump(),
        }
    )
    size_bytes = _write(output, own, described)
    return Converted(
        folder=output,
        description=described,
        parameters=sum(tensor.numel() for tensor in own.values()),
        size_bytes=size_bytes,
        changes=changes,
    )


def _resized(encoder: EncoderConfig, num_frames: int | None, size_px: int | None) -> EncoderConfig:
    """An encoder's config for other frames and pixels, None: as they are.

    Raises:
        ValueError: its patches do not divide them.
    """
    wanted = {"num_frames": num_frames, "size_px": size_px}
    given = {name: value for name, value in wanted.items() if value is not None}
    try:
        return EncoderConfig.model_validate(encoder.model_dump() | given)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _model_of(identity: Identity, source: Path) -> Description:
    if identity.problem is not None:
        raise CheckpointMismatchError(identity.problem)
    if identity.description is None:
        raise CheckpointMismatchError(
            f"{source}: {identity.recognised.title}. It is a teacher, not a model of this trainer: give the "
            f"file as it is, as weights of a teacher of kind: {identity.recognised.kind}."
        )
    assert identity.mismatch is not None
    if not identity.loads:
        listed = "\n  ".join(identity.mismatch.lines())
        raise CheckpointMismatchError(
            f"{source}: {identity.recognised.title}, but not whole; nothing was written.\n  {listed}"
        )
    return identity.description


def _check_finite(tensors: dict[str, Tensor], source: Path) -> None:
    bad = [name for name, tensor in tensors.items() if not tensor.isfinite().all()]
    if bad:
        raise CheckpointFileError(
            f"{source}: {len(bad)} tensors hold NaN or infinity, the first is {bad[0]}. The file is damaged "
            "or the training that wrote it failed; nothing was written."
        )


def _changes(
    identity: Identity, before: EncoderConfig, after: EncoderConfig, interpolated_names: tuple[str, ...]
) -> tuple[str, ...]:
    changes = []
    if interpolated_names:
        grids = [" x ".join(map(str, config.grid)) for config in (before, after)]
        changes.append(
            f"positions interpolated from {grids[0]} to {grids[1]} (time x height x width): "
            f"{', '.join(interpolated_names)}"
        )
    for group, names in identity.recognised.others.items():
        changes.append(f"left out {group}: not of this model, tensors: {len(names)}")
    return tuple(changes)


def _provenance(source: Source, identity: Identity, changes: tuple[str, ...]) -> Provenance:
    return Provenance(
        source=source.path.absolute().name,
        sha256=_digest(source.path),
        recognised=identity.recognised.title,
        unwrapped=source.wrapping.keys,
        prefix=identity.recognised.prefix,
        changes=changes,
        cliploom=version("cliploom"),
        before=source.described.provenance if source.described else None,
    )


def _digest(source: Path) -> str:
    """sha256 of a file; of a folder, of the names and sha256 of its files."""
    if source.is_file():
        return sha256(source)
    listed = [f"{sha256(file)}  {file.name}\n" for file in sorted(source.iterdir()) if file.is_file()]
    return hashlib.sha256("".join(listed).encode()).hexdigest()


def _write(
    output: Path,
    tensors: dict[str, Tensor],
    description: Description,
) -> int:
    """Write beside the output, load what was written, then rename; returns the bytes of the weights."""
    from safetensors.torch import save_file

    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.parent / f".{output.name}.{uuid.uuid4().hex[:8]}.tmp"
    temporary.mkdir()
    try:
        save_file(_apart(tensors), temporary / WEIGHTS)
        (temporary / CONFIG).write_text(to_json(description), encoding="utf-8")
        _verify(temporary, tensors)
        for path in (temporary / WEIGHTS, temporary / CONFIG, temporary):
            sync(path)
        size_bytes = (temporary / WEIGHTS).stat().st_size
        os.rename(temporary, output)
        sync(output.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return size_bytes


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, each whole in memory of its own: safetensors takes no others. Those that are so already
    stay mapped."""
    import torch

    result, taken = {}, set[int]()
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        own = tensor.numel() * tensor.element_size() == storage.nbytes() and storage.data_ptr() not in taken
        taken.add(storage.data_ptr())
        kept = own and tensor.is_contiguous()
        result[name] = (
            tensor.detach() if kept else tensor.detach().clone(memory_format=torch.contiguous_format)
        )
    return result


def _verify(folder: Path, tensors: dict[str, Tensor]) -> None:
    """Load the folder and compare every value.

    Raises:
        CheckpointFileError: the disk did not keep what was written.
    """
    import torch

    for name, loaded in load_model(folder).state_dict().items():
        if not torch.equal(loaded, tensors[name]):
            raise CheckpointFileError(
                f"{folder}: {name} reads differently from what was written. Check the disk."
            )

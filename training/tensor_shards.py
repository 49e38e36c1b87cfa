"""The tensors of a checkpoint: safetensors files that each process writes of its own share.

    shard-00002-model-00001-of-00003.safetensors   what process 2 of N (from 1) wrote, part 1 of 3

A tensor that all processes hold alike is written by one; of a split tensor each writes its piece, with the
offset in the file's metadata. So any number of processes, and any engine, can fill what it holds from the
same files. Nothing in them is pickled.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.together import Processes

if TYPE_CHECKING:
    from torch import Tensor

# A process has one file in memory, twice, while it writes.
PART_BYTES = 2 * 2**30


@dataclass(frozen=True)
class StoredTensor:
    """Shape and type (as torch spells it) of a whole tensor in a checkpoint."""

    shape: tuple[int, ...]
    dtype: str


class TensorsDifferError(ValueError):
    """What a checkpoint holds is not what is to be filled, or not tensors at all."""


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], ranks: Processes) -> list[str]:
    """Write tensors, plain or DTensor, with the other processes; returns the files that this one wrote.

    Raises:
        OSError: they could not be written, here or by another process.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    own = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    writer = HuggingFaceStorageWriter(str(folder), _parts(own, ranks), save_distributed=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            save(own, storage_writer=writer, process_group=ranks.control, no_dist=ranks.world_size == 1)
    except CheckpointException as failure:
        # Not an Exception, and its text is the tracebacks of all processes.
        rank, (error, _) = next(iter(failure.failures.items()))
        raise OSError(f"process {rank} could not write {folder}: {error}") from error
    return sorted(path.name for path in folder.glob(f"shard-{ranks.rank + 1:05d}-*.safetensors"))


def stored_tensors(folder: Path) -> dict[str, StoredTensor]:
    """What a checkpoint holds, from the headers of its files.

    Raises:
        TensorsDifferError: a file is no safetensors, or pieces of a tensor are missing.
    """
    from safetensors import SafetensorError
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    try:
        metadata = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise TensorsDifferError(f"{folder}: its safetensors files cannot be read ({error})") from error
    found = {}
    for name, stored in metadata.items():
        assert isinstance(stored, TensorStorageMetadata), "safetensors hold tensors only"
        shape = tuple(stored.size)
        held = sum(prod(tuple(chunk.sizes)) for chunk in stored.chunks)
        offsets = [offset for chunk in stored.chunks for offset in chunk.offsets]
        if held != prod(shape) or not all(isinstance(offset, int) and offset >= 0 for offset in offsets):
            raise TensorsDifferError(
                f"{folder}: {name} has {held} values in its files, but shape {list(shape)}. "
                "Files are missing or of another checkpoint."
            )
        found[name] = StoredTensor(shape, str(stored.properties.dtype))
    return found


def check_fits(folder: Path, stored: Mapping[str, StoredTensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare what a checkpoint holds with what is to be filled.

    Raises:
        TensorsDifferError: with the first difference and how many there are.
    """
    differences = []
    for name, tensor in wanted.items():
        here = StoredTensor(tuple(tensor.shape), str(tensor.dtype))
        if name not in stored:
            differences.append(f"{name} is not in the checkpoint")
        elif stored[name].shape != here.shape:
            differences.append(
                f"{name} has shape {list(stored[name].shape)} in the checkpoint, {list(here.shape)} here"
            )
        elif stored[name].dtype != here.dtype:
            differences.append(f"{name} is {stored[name].dtype} in the checkpoint, {here.dtype} here")
    _refuse(folder, differences)


def check_nothing_left(folder: Path, stored: Mapping[str, StoredTensor], wanted: set[str]) -> None:
    """Refuse a checkpoint that holds tensors that no process fills: it is of a larger model.

    Raises:
        TensorsDifferError: with the first of them and how many there are.
    """
    left = sorted(name for name in stored if name not in wanted)
    _refuse(folder, [f"{name} is in the checkpoint, but nowhere here" for name in left])


def load_in_place(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fill tensors, plain or DTensor, on whatever device they are; needs no other process.

    Raises:
        TensorsDifferError: names, shapes or types are not those of the checkpoint.
    """
    import torch
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load

    check_fits(folder, stored_tensors(folder), tensors)
    values: dict[str, Any] = {name: tensor.detach() for name, tensor in tensors.items()}
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        load(values, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=True)


def _parts(tensors: Mapping[str, Tensor], ranks: Processes) -> dict[str, int]:
    """The number (from 1) of the part that a tensor goes to, alike on all processes."""
    sizes: dict[str, int] = {}
    for one in ranks.gather({name: tensor.numel() * tensor.itemsize for name, tensor in tensors.items()}):
        sizes.update(one)
    parts, filled, part = {}, 0, 1
    for name, size_bytes in sorted(sizes.items()):
        if filled and filled + size_bytes > PART_BYTES * ranks.world_size:
            filled, part = 0, part + 1
        filled += size_bytes
        parts[name] = part
    return parts


def _refuse(folder: Path, differences: list[str]) -> None:
    if not differences:
        return
    more = f", and {len(differences) - 1} more differ" if len(differences) > 1 else ""
    raise TensorsDifferError(
        f"{folder}: {differences[0]}{more}. The checkpoint's config is in its state.json: set the config to "
        "it, or choose another output folder."
    )

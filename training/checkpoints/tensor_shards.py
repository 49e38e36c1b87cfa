"""The tensors of a checkpoint: safetensors files that each process writes of its own share.

    shard-00002-model-00001-of-00003.safetensors   what process 2 of N (from 1) wrote, part 1 of 3

A tensor that all processes hold alike is written by one; of a split tensor each writes its piece, with the
offset in the file's metadata. So any number of processes, and any engine, can fill what it holds from the
same files. Nothing in them is pickled.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.together import Processes, fail_alike, together

if TYPE_CHECKING:
    from torch import Tensor
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.metadata import Metadata

# A process has one file in memory, twice, while it writes.
PART_BYTES = 2 * 2**30


@dataclass(frozen=True)
class StoredTensor:
    """Shape and type (as torch spells it) of a whole tensor in a checkpoint."""

    shape: tuple[int, ...]
    dtype: str


class TensorsDifferError(ValueError):
    """What a checkpoint holds is not what is to be filled, or not tensors at all."""


class StoredTensors:
    """What a checkpoint holds, from the headers of its files, which are read once.

    Raises:
        TensorsDifferError: a file is no safetensors, or pieces of a tensor are missing.
        OSError: a file could not be read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._metadata = _read_metadata(folder)
        self.tensors = {
            name: _stored_tensor(folder, name, stored)
            for name, stored in self._metadata.state_dict_metadata.items()
        }

    def check(self, wanted: Mapping[str, Sequence[int]]) -> None:
        """Compare the checkpoint with the shapes of what is to be filled.

        Raises:
            TensorsDifferError: with the first difference and how many there are.
        """
        differences = []
        for name, shape in wanted.items():
            if name not in self.tensors:
                differences.append(f"{name} is not in the checkpoint")
            elif self.tensors[name].shape != tuple(shape):
                stored = list(self.tensors[name].shape)
                differences.append(f"{name} has shape {stored} in the checkpoint, {list(shape)} here")
        self._refuse(differences)

    def check_nothing_left(self, wanted: Container[str]) -> None:
        """Refuse a checkpoint that holds tensors that nobody fills: it is of a larger model.

        Raises:
            TensorsDifferError: with the first of them and how many there are.
        """
        left = sorted(name for name in self.tensors if name not in wanted)
        self._refuse([f"{name} is in the checkpoint, but nowhere here" for name in left])

    def load_in_place(self, tensors: Mapping[str, Tensor]) -> None:
        """Fill tensors, plain or DTensor, on whatever device they are; needs no other process.

        Raises:
            TensorsDifferError: names, shapes or types are not those of the checkpoint.
            OSError: a file could not be read.
        """
        import torch
        from torch.distributed.checkpoint.api import CheckpointException
        from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
        from torch.distributed.checkpoint.state_dict_loader import load

        self.check({name: tensor.shape for name, tensor in tensors.items()})
        self._check_types(tensors)
        reader = HuggingFaceStorageReader(str(self._folder))
        # Else it reads the headers of all files again.
        reader.read_metadata = lambda: self._metadata  # type: ignore[method-assign]
        values: dict[str, Any] = {name: tensor.detach() for name, tensor in tensors.items()}
        try:
            with torch.no_grad(), warnings.catch_warnings(action="ignore"):
                load(values, storage_reader=reader, no_dist=True)
        except CheckpointException as failure:
            # Not an Exception, so that nobody who waits to be told of one would be.
            _, error = _first_of(failure)
            raise OSError(f"{self._folder} could not be read: {error}") from error

    def _check_types(self, tensors: Mapping[str, Tensor]) -> None:
        types = {name: (self.tensors[name].dtype, str(tensor.dtype)) for name, tensor in tensors.items()}
        self._refuse(
            [
                f"{name} is {stored} in the checkpoint, {here} here"
                for name, (stored, here) in types.items()
                if stored != here
            ]
        )

    def _refuse(self, differences: list[str]) -> None:
        if not differences:
            return
        more = f", and {len(differences) - 1} more differ" if len(differences) > 1 else ""
        raise TensorsDifferError(
            f"{self._folder}: {differences[0]}{more}. The checkpoint's config is in its state.json: set the "
            "config to it, or choose another output folder."
        )


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], ranks: Processes) -> list[str]:
    """Write tensors, plain or DTensor, with the other processes; returns the files that this one wrote.

    Raises:
        OSError: they could not be written, here or by another process; on process 0.
        ToldElsewhereError: the same, on the others.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    own = together(ranks, lambda: {name: one.detach().contiguous() for name, one in tensors.items()})
    writer = HuggingFaceStorageWriter(str(folder), _parts(own, ranks), save_distributed=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            save(own, storage_writer=writer, process_group=ranks.control, no_dist=ranks.world_size == 1)
    except CheckpointException as failure:
        # Raised on all processes; not an Exception, and its text is the tracebacks of all.
        rank, error = _first_of(failure)
        fail_alike(ranks, OSError(f"process {rank} could not write {folder}: {error}"))
    return sorted(path.name for path in folder.glob(f"shard-{ranks.rank + 1:05d}-*.safetensors"))


def _read_metadata(folder: Path) -> Metadata:
    from safetensors import SafetensorError
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    try:
        return HuggingFaceStorageReader(str(folder)).read_metadata()
    except (SafetensorError, ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
        raise TensorsDifferError(f"{folder}: its safetensors files cannot be read ({error})") from error


def _stored_tensor(folder: Path, name: str, stored: object) -> StoredTensor:
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    assert isinstance(stored, TensorStorageMetadata), "safetensors hold tensors only"
    shape = tuple(stored.size)
    held = sum(prod(tuple(chunk.sizes)) for chunk in stored.chunks)
    offsets = [offset for chunk in stored.chunks for offset in chunk.offsets]
    if held != prod(shape) or not all(isinstance(offset, int) and offset >= 0 for offset in offsets):
        raise TensorsDifferError(
            f"{folder}: {name} has {held} values in its files, but shape {list(shape)}. "
            "Files are missing or of another checkpoint."
        )
    return StoredTensor(shape, str(stored.properties.dtype))


def _first_of(failure: CheckpointException) -> tuple[int, BaseException]:
    rank, (error, _) = next(iter(failure.failures.items()))
    return rank, error


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

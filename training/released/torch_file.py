"""Files of `torch.save`, read without running anything that they name."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from training.released.errors import CheckpointFileError
from training.released.stand_ins import MAX_PICKLE_BYTES, names_in, stand_ins

ZIP_MAGIC = b"PK\x03\x04"
GARBLED = (
    *(pickle.UnpicklingError, struct.error, zipfile.BadZipFile, EOFError, MemoryError, BufferError),
    *(ValueError, TypeError, LookupError, AttributeError, AssertionError, RuntimeError, ArithmeticError),
)
"""What readers of pickles and zips raise at bytes that make no sense."""

LEGACY_PICKLES = 4
"""Files from before torch 1.6 open with a magic number, a version, facts of the machine; then the object."""


def load_torch_file(path: Path, ignored: Collection[str]) -> tuple[Any, str, tuple[str, ...]]:
    """What a file holds, its format, and the names of objects that were left out.

    Tensors lie on the CPU; those of a zip file are mapped from disk and read when they are used.

    Raises:
        CheckpointFileError: it is damaged, holds objects that nobody asked to leave out, or is no such file.
    """
    import torch

    with open(path, "rb") as file:
        zipped = file.read(len(ZIP_MAGIC)) == ZIP_MAGIC
    names = _names(path, zipped)
    substitutes = stand_ins(str(path), names, ignored)
    try:
        with torch.serialization.safe_globals([*substitutes]):
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except GARBLED as error:
        raise CheckpointFileError(f"{path} is damaged or no checkpoint: {_first_line(error)}") from None
    return found, "torch" if zipped else "torch, before 1.6", tuple(name for _, name in substitutes)


def _names(path: Path, zipped: bool) -> set[str]:
    """Names that the file would have imported."""
    try:
        if zipped:
            return names_in(_pickle_of(path), count=1)
        with open(path, "rb") as file:
            return names_in(file.read(MAX_PICKLE_BYTES), count=LEGACY_PICKLES)
    except CheckpointFileError:
        raise
    except GARBLED:
        raise CheckpointFileError(
            f"{path} is no checkpoint, or was cut short: it is neither safetensors nor a whole file of "
            "torch.save. Compare its size and sha256 with those where it was published; a file of a few "
            "hundred bytes is often a Git LFS pointer or an error page instead of the download."
        ) from None


def _pickle_of(path: Path) -> bytes:
    """The one pickle of a zip, whose members must be stored as they are and fit into the file."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.header_offset < 0 for member in members):
            raise zipfile.BadZipFile("bytes are missing in the middle")
        squeezed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
        claimed = sum(member.file_size for member in members)
        if squeezed or claimed > path.stat().st_size:
            what = f"{squeezed[0]!r} is compressed" if squeezed else f"its members claim {claimed:,} bytes"
            raise CheckpointFileError(
                f"{path} ({path.stat().st_size:,} bytes) is not as torch.save writes it: {what}. Such a file "
                "may grow without bound when read. Save its state dict again with torch.save."
            )
        inside = [member for member in members if member.filename.endswith("/data.pkl")]
        if len(inside) != 1:
            kind = "a TorchScript or another archive" if members else "an empty archive"
            raise CheckpointFileError(f"{path} is {kind}, not a checkpoint of torch.save.")
        if any(member.filename.endswith("/constants.pkl") for member in members):
            raise CheckpointFileError(
                f"{path} is a TorchScript archive: it holds a program. Save its state_dict() with torch.save."
            )
        if inside[0].file_size > MAX_PICKLE_BYTES:
            raise CheckpointFileError(
                f"{path}: its pickle has {inside[0].file_size:,} bytes; names and shapes need less than "
                f"{MAX_PICKLE_BYTES:,}. It holds more than a state dict: save that alone."
            )
        return archive.read(inside[0])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__

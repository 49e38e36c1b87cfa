"""Files that the user asked for: refused early where they cannot be written, and written at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path


def check_file(option: str, path: Path, inputs: Sequence[str], overwrite: bool) -> None:
    """Whether a file may be written.

    Raises:
        ValueError: it is a folder, an input, or there already, or its folder is not there.
    """
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder. Give the name of a file in it.")
    if not path.parent.is_dir():
        raise ValueError(f"{option} {path}: there is no folder {path.parent}. Make it, or give another.")
    if any(_same(path, each) for each in inputs):
        raise ValueError(f"{option} {path} is one of the files to segment. Give another name.")
    if path.exists() and not overwrite:
        raise ValueError(f"{option} {path} is already there. Give another name, or --overwrite.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {path}: the folder {path.parent} cannot be written to. Give another.")


def check_folder(option: str, folder: Path) -> None:
    """Make a folder for output where it is not there yet.

    Raises:
        ValueError: it cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{option} {folder}: cannot be made ({error.strerror}). Give another.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {folder}: the folder cannot be written to. Give another.")


def write_file(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then give it its own."""
    with tempfile.TemporaryDirectory(prefix=".cliploom-", dir=path.parent) as folder:
        written = Path(folder) / path.name
        written.write_bytes(content)
        written.replace(path)


def _same(path: Path, other: str) -> bool:
    return path.exists() and os.path.exists(other) and path.samefile(other)

"""The list of a checkpoint's files, written last: what is not what it says is damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"
FORMAT = 2
# A thousand processes with a hundred files each stay far below; more is no list of ours.
MAX_BYTES = 64 * 2**20
HASHING_THREADS = 4


@dataclass(frozen=True)
class StoredFile:
    """What a file must be."""

    size_bytes: int
    sha256: str


class DamagedError(ValueError):
    """A checkpoint is not what its manifest says, or has none."""


def describe(folder: Path, names: Iterable[str]) -> dict[str, StoredFile]:
    """Flush files to disk and hash them."""

    def one(name: str) -> StoredFile:
        path = folder / name
        sync(path)
        return StoredFile(path.stat().st_size, sha256(path))

    names = list(names)
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def write_manifest(folder: Path, files: Mapping[str, StoredFile]) -> None:
    """Write the manifest, and all of the folder to disk."""
    values = {"format": FORMAT, "files": {name: asdict(file) for name, file in files.items()}}
    path = folder / MANIFEST
    path.write_text(json.dumps(values, indent=1, sort_keys=True))
    sync(path)
    sync(folder)


def parse_manifest(data: bytes) -> dict[str, StoredFile]:
    """The files that a manifest lists; each lies directly in the folder.

    Raises:
        DamagedError: it is no manifest, is of another format, or names something outside the folder.
    """
    if len(data) > MAX_BYTES:
        raise DamagedError(f"{MANIFEST} has more than {MAX_BYTES} bytes")
    try:
        manifest = json.loads(data)
        files = {
            str(name): StoredFile(int(entry["size_bytes"]), str(entry["sha256"]))
            for name, entry in manifest["files"].items()
        }
        found = manifest.get("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DamagedError(f"{MANIFEST} cannot be read") from None
    if found != FORMAT:
        raise DamagedError(f"format {found}, but this version reads {FORMAT}")
    for name in files:
        if name in ("", ".", "..", MANIFEST) or "/" in name or "\\" in name or "\0" in name:
            raise DamagedError(f"{MANIFEST} names {name!r}, which is no file of the folder")
    return files


def read_manifest(folder: Path) -> dict[str, StoredFile]:
    """The manifest of a folder.

    Raises:
        DamagedError: as `parse_manifest`, or there is none.
    """
    try:
        with open(folder / MANIFEST, "rb") as file:
            return parse_manifest(file.read(MAX_BYTES + 1))
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedError(f"{MANIFEST} is missing") from None


def check_whole(folder: Path, part: int = 0, num_parts: int = 1) -> None:
    """Compare a folder with its manifest; every byte is hashed.

    With `num_parts` above 1 only this part's share of the files is hashed.

    Raises:
        DamagedError: the first difference.
    """
    files = read_manifest(folder)
    for path in folder.glob("*.safetensors"):
        if path.name not in files:
            raise DamagedError(f"{path.name} is not in {MANIFEST}")
    share = sorted(files)[part::num_parts]
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        for problem in pool.map(lambda name: _problem(folder / name, files[name]), share):
            if problem is not None:
                raise DamagedError(problem)


def sha256(path: Path) -> str:
    """sha256 (hex) of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file or folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _problem(path: Path, wanted: StoredFile) -> str | None:
    """What is wrong with a file, None if nothing is."""
    if path.is_symlink():
        return f"{path.name} is a link"
    if not path.is_file():
        return f"{path.name} is missing"
    if path.stat().st_size != wanted.size_bytes:
        return f"{path.name} has {path.stat().st_size} bytes instead of {wanted.size_bytes}"
    if sha256(path) != wanted.sha256:
        return f"the sha256 of {path.name} differs from the manifest"
    return None

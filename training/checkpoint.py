"""Checkpoints as folders that are whole or recognisably not.

    OUTPUT/checkpoints/step_00000010/   files of the checkpoint, and manifest.json written last

A checkpoint is written under a temporary name, flushed to disk and renamed. Its manifest lists size
and sha256 of every file, so that damage which came later is noticed and the one before is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from curation.base.config import Config, operational

MANIFEST = "manifest.json"
FORMAT = 1
_NAME = re.compile(r"step_(\d{8,})")


class CheckpointConfig(Config):
    """How often checkpoints are written and how many stay."""

    every_steps: int = operational(
        500, description="Steps between checkpoints; the last step has one too.", ge=1
    )
    keep: int = operational(3, description="Newest checkpoints that are kept.", ge=1, le=1000)


class NoWholeCheckpointError(ValueError):
    """There are checkpoints, but each of them is damaged."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are what its manifest says."""

    step: int
    path: Path


@dataclass(frozen=True)
class Search:
    """The newest whole checkpoint, None if there is none at all; a sentence for each one passed over."""

    found: Checkpoint | None
    damaged: tuple[str, ...]


class CheckpointFolder:
    """Writes, finds and drops the checkpoints of one training run."""

    def __init__(self, root: Path, keep: int) -> None:
        self._root = root
        self._keep = keep

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self._root / f"step_{step:08d}"

    def newest(self) -> Search:
        """Look for the newest whole checkpoint; every byte of it is hashed.

        Raises:
            NoWholeCheckpointError: there are some, all damaged. Starting over would be a surprise.
        """
        damaged: list[str] = []
        for step, path in self._newest_first():
            problem = _problem(path)
            if problem is None:
                return Search(Checkpoint(step, path), tuple(damaged))
            damaged.append(f"{path}: {problem}")
        if damaged:
            raise NoWholeCheckpointError(
                "; ".join(damaged) + ". No checkpoint is left to continue from: restore one, or remove "
                f"{self._root} to start again."
            )
        return Search(None, ())

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a folder, and make it the checkpoint of a step.

        Older checkpoints beyond those to keep are dropped. So are any of later steps: the run went on
        from an earlier one because they were damaged.
        """
        target = self.path(step)
        temporary = self._root / f".{target.name}.{uuid.uuid4().hex[:8]}.tmp"
        temporary.mkdir(parents=True)
        try:
            write(temporary)
            _write_manifest(temporary)
            if target.exists():
                self._drop(target)
            os.rename(temporary, target)
            _sync(self._root)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        older = [path for number, path in self._newest_first() if number <= step]
        later = [path for number, path in self._newest_first() if number > step]
        for path in [*older[self._keep :], *later]:
            self._drop(path)
        return target

    def sweep(self) -> None:
        """Remove what a killed process left half written or half removed."""
        for path in self._root.glob(".step_*.tmp"):
            shutil.rmtree(path)

    def _newest_first(self) -> list[tuple[int, Path]]:
        if not self._root.is_dir():
            return []
        found = [(match, path) for path in self._root.iterdir() if (match := _NAME.fullmatch(path.name))]
        return sorted(((int(match[1]), path) for match, path in found), reverse=True)

    def _drop(self, path: Path) -> None:
        """Rename before removing, so that a kill in between does not look like damage."""
        doomed = self._root / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"
        os.rename(path, doomed)
        shutil.rmtree(doomed)


def _write_manifest(folder: Path) -> None:
    files = {}
    for path in sorted(folder.iterdir()):
        files[path.name] = {"size_bytes": path.stat().st_size, "sha256": _sha256(path)}
        _sync(path)
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"format": FORMAT, "files": files}, indent=1, sort_keys=True))
    _sync(manifest)
    _sync(folder)


def _problem(folder: Path) -> str | None:
    """What is wrong with a checkpoint, None if nothing is."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files = {
            str(name): (entry["size_bytes"], entry["sha256"]) for name, entry in manifest["files"].items()
        }
    except FileNotFoundError:
        return f"{MANIFEST} is missing"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    if manifest.get("format") != FORMAT:
        return f"format {manifest.get('format')}, but this version reads {FORMAT}"
    for name, (size_bytes, sha256) in files.items():
        path = folder / name
        if path.parent != folder or not path.is_file():
            return f"{name} is missing"
        if path.stat().st_size != size_bytes:
            return f"{name} has {path.stat().st_size} bytes instead of {size_bytes}"
        if _sha256(path) != sha256:
            return f"the sha256 of {name} differs from the manifest"
    return None


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

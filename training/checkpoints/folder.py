"""Checkpoints as folders that are whole or recognisably not.

    OUTPUT/checkpoints/step_00000010/
        shard-00001-model-00001-of-00001.safetensors …   each process's share of the tensors
        state.json                                       everything else
        manifest.json                                    size and sha256 of every file, written last

All processes write into one folder under a temporary name, which is flushed to disk and renamed. Damage that
came later is noticed by the manifest, and the checkpoint before is used.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from training.checkpoints.config import CheckpointConfig
from training.checkpoints.manifest import (
    DamagedError,
    StoredFile,
    check_whole,
    describe,
    sync,
    write_manifest,
)
from training.checkpoints.state import STATE_FILE, SavedState, write_state
from training.checkpoints.upload import FINISH_WITHIN_S, Upload, fetch, remote_steps
from training.together import Processes, fail_alike, on_first, together

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from training.engines.engine import LoadInPlace

_NAME = re.compile(r"step_(\d{8,})")
# Network file systems show other nodes' files with some delay.
SEEN_WITHIN_S = 60.0


class NoWholeCheckpointError(ValueError):
    """There are checkpoints, but each of them is damaged."""


class NotSharedError(OSError):
    """A process does not see the files of the others."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose files are what its manifest says."""

    step: int
    path: Path


@dataclass(frozen=True)
class Search:
    """The newest whole checkpoint, None if there is none at all; a sentence for each one passed over.

    `fetched_from` is the URL of the copy if there was none here."""

    found: Checkpoint | None
    damaged: tuple[str, ...]
    fetched_from: str | None = None


class Holder(Protocol):
    """What of an objective a checkpoint is concerned with."""

    def tensors(self) -> dict[str, Tensor]:
        """Tensors by name, to be written and filled in place."""
        ...


class Restorable(Holder, Protocol):
    """What of an engine a checkpoint is concerned with."""

    def shapes(self) -> dict[str, torch.Size]:
        """The whole tensors that `tensors` of all processes hold."""
        ...

    def restore(self, load: LoadInPlace, step: int) -> None:
        """Put everything back as it was after a step."""
        ...


class CheckpointFolder:
    """Writes, finds, loads and drops the checkpoints of one training run.

    The processes of the run make one and call its methods in step, except `path` and `close`. The folder
    must lie on a file system that all of them share. `note` is called on process 0, in its main thread.

    Raises:
        ValueError: `config.upload` is no URL that can be used.
    """

    def __init__(
        self, root: Path, config: CheckpointConfig, ranks: Processes, note: Callable[[str], None]
    ) -> None:
        self._root = root
        self._config = config
        self._ranks = ranks
        self._note = note
        self._saved_at_s = time.monotonic()
        url = config.upload if ranks.rank == 0 else None
        self._upload = together(ranks, lambda: None if url is None else Upload(url, config.keep))

    def path(self, step: int) -> Path:
        """Where the checkpoint of a step lies."""
        return self._root / f"step_{step:08d}"

    def newest(self) -> Search:
        """Look for the newest whole checkpoint; every byte of it is hashed, each process taking a share.

        Where there is none at all, the newest whole copy at `upload` is fetched.

        Raises:
            NoWholeCheckpointError: there are some, all damaged. Starting over would be a surprise. On process
                0; ToldElsewhereError on the others.
            OSError: the copies cannot be listed, or a process does not see the folder.
        """
        damaged: list[str] = []
        for step in self._steps():
            problem = self._problem(self.path(step))
            if problem is None:
                found = Checkpoint(step, self.path(step))
                if self._upload is not None:
                    self._upload.start(found.path)
                return Search(found, tuple(damaged))
            damaged.append(f"{self.path(step)}: {problem}")
        if damaged:
            error = NoWholeCheckpointError(
                "; ".join(damaged) + ". No checkpoint is left to continue from: restore one, or remove "
                f"{self._root} to start again."
            )
            fail_alike(self._ranks, error)
        return Search(None, ()) if self._config.upload is None else self._fetch_newest(self._config.upload)

    def load(self, checkpoint: Checkpoint, engine: Restorable, objective: Holder) -> None:
        """Put weights, optimizer and what the objective keeps back, whatever engine on however many
        processes wrote them.

        Raises:
            TensorsDifferError: the checkpoint is of another model.
            OSError: a file could not be read.
            ToldElsewhereError: the same, and another process has the message.
        """
        from training.checkpoints.tensor_shards import StoredTensors

        # What an objective keeps may be put together by all processes.
        kept = objective.tensors()
        wanted = engine.shapes() | {name: tensor.shape for name, tensor in kept.items()}

        def check() -> StoredTensors:
            stored = StoredTensors(checkpoint.path)
            stored.check(wanted)
            stored.check_nothing_left(wanted)
            return stored

        # Before any tensor is touched.
        stored = together(self._ranks, check)

        def load(tensors: Mapping[str, Tensor]) -> None:
            together(self._ranks, partial(stored.load_in_place, tensors))

        engine.restore(load, checkpoint.step)
        load(kept)

    def due(self, step: int) -> bool:
        """Whether the checkpoint of a step is to be written; process 0's clock decides for all."""
        self._tell()
        if step % self._config.every_steps == 0:
            return True
        if self._config.every_minutes is None:
            return False
        late = time.monotonic() - self._saved_at_s >= 60 * self._config.every_minutes
        return self._ranks.any(late and self._ranks.rank == 0)

    def save(self, state: SavedState, tensors: Mapping[str, Tensor]) -> Path:
        """Make the checkpoint of a step of what the processes hold.

        `state` has this process's stream position; the positions of all are merged.

        Raises:
            OSError: it could not be written, here or by another process; nothing half-made is left.
        """
        from shards.reading import merge_states
        from training.checkpoints.tensor_shards import write_tensors

        progress = state.progress
        streams = self._ranks.gather(progress.stream)
        if progress.stream is not None:
            progress = replace(progress, stream=merge_states(streams))

        def write(folder: Path) -> list[str]:
            names = write_tensors(folder, tensors, self._ranks)
            on_first(self._ranks, lambda: write_state(folder, replace(state, progress=progress)))
            return [*names, STATE_FILE] if self._ranks.rank == 0 else names

        path = self.commit(progress.step, write)
        if self._upload is not None:
            self._upload.start(path)
        self._saved_at_s = time.monotonic()
        return path

    def commit(self, step: int, write: Callable[[Path], list[str]]) -> Path:
        """Let `write` fill a folder, and make it the checkpoint of a step.

        `write` is called by every process and returns the names of the files that this one wrote; where it
        fails on one, it must fail on all (see `together`). Older checkpoints beyond those to keep are
        dropped. So are any of later steps: the run went on from an earlier one because they were damaged.
        """
        with self._new_folder(step) as folder:
            names = write(folder)
            own = together(self._ranks, lambda: describe(folder, names))
            of_all = self._ranks.gather({name: asdict(file) for name, file in own.items()})
            files = {name: StoredFile(**file) for of_one in of_all for name, file in of_one.items()}
            on_first(self._ranks, lambda: self._put_in_place(step, folder, files))
        return self.path(step)

    def sweep(self) -> None:
        """Remove what a killed process left half written or half removed."""
        on_first(self._ranks, self._sweep)

    def close(self, *, wait_s: float = FINISH_WITHIN_S) -> None:
        """Wait for the copy under way, so long at most."""
        if self._upload is not None:
            for path in self._upload.in_use():
                self._note(f"Waiting for the copy of {path.name} to {self._config.upload}.")
            self._upload.finish(wait_s)
            self._tell()

    def _steps(self) -> list[int]:
        """The steps that process 0 sees checkpoints of, newest first."""
        steps = on_first(self._ranks, lambda: [step for step, _ in self._newest_first()])
        if steps:
            together(self._ranks, lambda: _wait_for([self._root]))
        return steps

    def _problem(self, path: Path) -> str | None:
        """What is wrong with a checkpoint, None if nothing is; alike on all processes."""

        def look() -> str | None:
            try:
                check_whole(path, self._ranks.rank, self._ranks.world_size)
            except DamagedError as problem:
                return str(problem)
            return None

        return self._first_of(together(self._ranks, look))

    def _fetch_newest(self, url: str) -> Search:
        damaged: list[str] = []
        for step in on_first(self._ranks, lambda: remote_steps(url)):
            problem = self._fetch(url, step)
            if problem is None:
                if self._ranks.rank == 0:
                    self._note(f"There was no checkpoint here: that of step {step} was fetched from {url}.")
                return Search(Checkpoint(step, self.path(step)), tuple(damaged), fetched_from=url)
            damaged.append(f"{url}/{self.path(step).name}: {problem}")
        if damaged:
            error = NoWholeCheckpointError(
                "; ".join(damaged) + ". No copy is left to continue from: restore one, or set "
                "checkpoint.upload to another URL to start again."
            )
            fail_alike(self._ranks, error)
        return Search(None, ())

    def _fetch(self, url: str, step: int) -> str | None:
        """Copy a checkpoint from a URL, each process a share of its files; what is wrong with it, if so."""

        def copy(folder: Path) -> str | None:
            try:
                fetch(url, folder, self.path(step).name, self._ranks.rank, self._ranks.world_size)
            except DamagedError as problem:
                return str(problem)
            return None

        with self._new_folder(step) as folder:
            problem = self._first_of(together(self._ranks, lambda: copy(folder)))
            if problem is None:
                on_first(self._ranks, lambda: self._rename(folder, self.path(step)))
        return problem

    def _first_of(self, problem: str | None) -> str | None:
        return next((one for one in self._ranks.gather(problem) if one is not None), None)

    @contextmanager
    def _new_folder(self, step: int) -> Iterator[Path]:
        """A folder under a temporary name that all processes see; nothing is left of it at the end."""
        name = on_first(self._ranks, lambda: f".{self.path(step).name}.{uuid.uuid4().hex[:8]}.tmp")
        folder = self._root / name
        try:
            on_first(self._ranks, lambda: folder.mkdir(parents=True))
            together(self._ranks, lambda: _wait_for([folder]))
            yield folder
        finally:
            if self._ranks.rank == 0:
                shutil.rmtree(folder, ignore_errors=True)

    def _put_in_place(self, step: int, folder: Path, files: Mapping[str, StoredFile]) -> None:
        _wait_for([folder / name for name in files])
        write_manifest(folder, files)
        target = self.path(step)
        if target.exists():
            self._drop(target)
        self._rename(folder, target)
        older = [path for number, path in self._newest_first() if number <= step]
        later = [path for number, path in self._newest_first() if number > step]
        in_use = () if self._upload is None else self._upload.in_use()
        for path in [*older[self._config.keep :], *later]:
            if path not in in_use:
                self._drop(path)

    def _rename(self, folder: Path, target: Path) -> None:
        os.rename(folder, target)
        sync(self._root)

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

    def _sweep(self) -> None:
        for path in self._root.glob(".step_*.tmp"):
            shutil.rmtree(path)

    def _tell(self) -> None:
        if self._upload is not None:
            for text in self._upload.notes():
                self._note(text)


def _wait_for(paths: Iterable[Path]) -> None:
    """Wait until files or folders that another process made are seen here."""
    deadline_s = time.monotonic() + SEEN_WITHIN_S
    for path in paths:
        while not path.exists():
            if time.monotonic() > deadline_s:
                raise NotSharedError(
                    f"{socket.gethostname()} does not see {path}, which another process of the run has "
                    "written. The output folder must lie on a file system that all nodes share."
                )
            time.sleep(0.05)

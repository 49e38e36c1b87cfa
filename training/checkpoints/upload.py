"""Copies of checkpoints at a URL, made in the background.

    URL/step_00000010/   the files of the checkpoint; manifest.json last, so that a copy is whole or
                         recognisably not

A copy that fails is told and tried again with the next checkpoint; training never waits for one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Condition, Thread
from typing import IO

from curation.base.storage import Storage
from training.checkpoints.manifest import (
    MANIFEST,
    DamagedError,
    StoredFile,
    parse_manifest,
    read_manifest,
    sync,
    write_manifest,
)
from training.checkpoints.state import STATE_FILE

BLOCK_BYTES = 8 * 2**20
FILES_AT_ONCE = 4
# A run that has ended waits this long for its last copy.
FINISH_WITHIN_S = 1800.0
_BEGUN = re.compile(r"step_(\d{8,})/.*")


class UploadUnusableError(ValueError):
    """The URL that copies go to cannot be used."""


class Upload:
    """Copies the newest checkpoint to a URL in a thread; one that comes meanwhile replaces one that waits."""

    def __init__(self, url: str, keep: int) -> None:
        self._storage = Storage(url)
        self._keep = keep
        self._state = Condition()
        self._waiting: Path | None = None
        self._copying: Path | None = None
        self._failed: Path | None = None
        self._finishing = False
        self._notes: list[str] = []
        self._thread: Thread | None = None

    def start(self, checkpoint: Path) -> None:
        """Have a whole checkpoint copied."""
        with self._state:
            self._waiting = checkpoint
            if self._thread is None:
                # A daemon: an interpreter that ends on an error does not wait for it.
                self._thread = Thread(target=self._work, name="checkpoint-upload", daemon=True)
                self._thread.start()
            self._state.notify_all()

    def in_use(self) -> tuple[Path, ...]:
        """Checkpoints that must stay for now."""
        with self._state:
            return tuple(path for path in (self._waiting, self._copying) if path is not None)

    def notes(self) -> list[str]:
        """What went wrong since the last call, a sentence each."""
        with self._state:
            told, self._notes = self._notes, []
        return told

    def finish(self, wait_s: float) -> None:
        """Wait for the newest copy, so long at most, after a last attempt if it had failed."""
        with self._state:
            if self._waiting is None and self._copying is None:
                self._waiting = self._failed
            self._finishing = True
            self._state.notify_all()
        if self._thread is None:
            return
        self._thread.join(wait_s)
        if self._thread.is_alive():
            self._say(
                f"The copy of {self._copying} to {self._storage.url} was not ready within "
                f"{wait_s:.0f} s of the end; the same command run again goes on with it."
            )

    def _work(self) -> None:
        while True:
            with self._state:
                self._state.wait_for(lambda: self._waiting is not None or self._finishing)
                if self._waiting is None:
                    return
                self._copying, self._waiting = self._waiting, None
                path = self._copying
            failed: Path | None = None
            try:
                self._copy(path)
            except Exception as error:  # noqa: BLE001 - fsspec's clients raise anything; training goes on
                failed = path
                self._say(
                    f"{path.name} was not copied to {self._storage.url} ({type(error).__name__}: {error}). "
                    "The next checkpoint is tried again."
                )
            with self._state:
                self._copying, self._failed = None, failed

    def _copy(self, path: Path) -> None:
        """Copy a checkpoint, and drop copies beyond those to keep."""
        files = read_manifest(path)
        manifest = (path / MANIFEST).read_bytes()
        steps = _steps(self._storage)
        self._check_same_run(path, steps)
        step = int(path.name.removeprefix("step_"))
        if step not in steps or self._storage.read_bytes(f"{path.name}/{MANIFEST}") != manifest:
            # What is there is no longer whole from here on.
            self._storage.remove(f"{path.name}/{MANIFEST}")
            _each(files, lambda name: self._put(path, name, files[name]))
            self._storage.write_bytes(f"{path.name}/{MANIFEST}", manifest)
        # Later ones stay: this run may go on from an old folder while the better copies are there.
        kept = [step, *(number for number in steps if number < step)][: self._keep]
        for old in _begun(self._storage):
            if old < step and old not in kept:
                self._storage.remove(f"{_name(old)}/{MANIFEST}")
                self._storage.remove(_name(old))

    def _check_same_run(self, path: Path, steps: list[int]) -> None:
        """Refuse to mix two runs: the older copies of the other would be dropped."""
        if not steps:
            return
        there = _config_hash(self._storage.read_bytes(f"{_name(steps[0])}/{STATE_FILE}"))
        if there != _config_hash((path / STATE_FILE).read_bytes()):
            raise UploadUnusableError(
                f"{self._storage.url} holds checkpoints of a run with another config; "
                "set checkpoint.upload to a URL of this run's own"
            )

    def _put(self, path: Path, name: str, file: StoredFile) -> None:
        with (
            open(path / name, "rb") as source,
            self._storage.open_write(f"{path.name}/{name}") as target,
        ):
            for block in _blocks(source):
                target.write(block)
            # Inside the block, so that the file does not appear.
            if StoredFile(target.size, target.sha256) != file:
                raise DamagedError(f"{path / name} is no longer what {MANIFEST} says")

    def _say(self, text: str) -> None:
        with self._state:
            self._notes.append(text)


def remote_steps(url: str) -> list[int]:
    """The steps that there are whole copies of at a URL, newest first.

    Raises:
        OSError: they cannot be listed.
    """
    storage = Storage(url)
    try:
        return _steps(storage)
    # A file system behind fsspec raises whatever its client does.
    except Exception as error:
        raise OSError(
            f"checkpoint.upload = {url}: cannot be listed ({type(error).__name__}: {error}). The output "
            "folder has no checkpoint, so that one there would be continued: make it reachable, or set "
            "checkpoint.upload to null to start without."
        ) from error


def fetch(url: str, folder: Path, name: str, part: int, num_parts: int) -> None:
    """Copy one of `num_parts` shares of a checkpoint's files from a URL into a folder; part 0 also writes
    the manifest.

    Raises:
        DamagedError: a file is not what the manifest says.
        OSError: a file could not be read or written.
    """
    storage = Storage(url)
    files = parse_manifest(storage.read_bytes(f"{name}/{MANIFEST}"))

    def get(file: str) -> None:
        digest = hashlib.sha256()
        try:
            with storage.open_read(f"{name}/{file}") as source, open(folder / file, "xb") as target:
                for block in _blocks(source):
                    digest.update(block)
                    target.write(block)
        except FileNotFoundError:
            raise DamagedError(f"{file} is missing") from None
        sync(folder / file)
        if StoredFile((folder / file).stat().st_size, digest.hexdigest()) != files[file]:
            raise DamagedError(f"{file} is not what {MANIFEST} says")

    _each(sorted(files)[part::num_parts], get)
    if part == 0:
        write_manifest(folder, files)


def _steps(storage: Storage) -> list[int]:
    """Steps of whole copies, newest first."""
    return [step for step, names in _begun(storage).items() if f"{_name(step)}/{MANIFEST}" in names]


def _begun(storage: Storage) -> dict[int, set[str]]:
    """The files that there are of each step, newest first."""
    found: dict[int, set[str]] = {}
    for name in storage.list():
        if match := _BEGUN.fullmatch(name):
            found.setdefault(int(match[1]), set()).add(name)
    return dict(sorted(found.items(), reverse=True))


def _name(step: int) -> str:
    return f"step_{step:08d}"


def _config_hash(state: bytes) -> str:
    return str(json.loads(state)["config_hash"])


def _each(names: Iterable[str], act: Callable[[str], None]) -> None:
    """Do something for each name, several at a time; the first error ends it.

    In daemon threads: an interpreter that ends would wait for those of a ThreadPoolExecutor, and for all that
    they still have to do.
    """
    left = list(names)
    errors: list[Exception] = []

    def work() -> None:
        while not errors:
            try:
                name = left.pop()
            except IndexError:
                return
            try:
                act(name)
            except Exception as error:  # noqa: BLE001 - raised again below, in the thread that waits
                errors.append(error)

    threads = [Thread(target=work, daemon=True) for _ in range(min(FILES_AT_ONCE, len(left)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _blocks(source: IO[bytes]) -> Iterable[bytes]:
    while block := source.read(BLOCK_BYTES):
        yield block

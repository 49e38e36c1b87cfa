"""The folder that a training run writes into, and the right to write there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curation.base.storage import is_local, normalise

LOCK_FILE = ".lock"


class OutputRefusedError(ValueError):
    """The output folder is of another kind, in use, or holds a run that was not to be continued."""


@contextmanager
def sole_writer(output: str) -> Iterator[Path]:
    """The output as a folder that no other process trains into while the block lasts.

    Raises:
        OutputRefusedError: it is no local folder, or another process is training into it.
    """
    if not is_local(output):
        raise OutputRefusedError(
            f"output = {output}: checkpoints are written to a local folder. Give its path."
        )
    folder = Path(normalise(output))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OutputRefusedError(
            f"output = {folder}: a file is in the way. Give the path of a folder."
        ) from None
    with open(folder / LOCK_FILE, "a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise OutputRefusedError(
                f"Process {lock.read().strip()} is training into {folder}. Wait for it, or choose "
                "another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield folder

"""The folder in which one command at a time keeps what is not finished."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shards.reading.errors import ShardError


@contextmanager
def scratch_of(folder: Path) -> Iterator[Path]:
    """The folder, made if need be, with what an earlier try left in it; deleted when all went well.

    Raises:
        ShardError: another process is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ShardError(
                f"{folder}: another command is at work there, on the same output. Wait until it is done"
            ) from None
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            # It is empty where nothing is of use to another try.
            folder.rmdir()

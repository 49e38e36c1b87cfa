"""Files of this machine, read at places without seeking; a bounded number of them stays open."""

from __future__ import annotations

import errno
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from shards.reading.sources import Patience, ShortError

MAX_OPEN = 256
"""Open files, if the process may open so many: the shards of the open windows of 64 lanes."""


@dataclass
class _Open:
    descriptor: int
    users: int = 0
    dropped: bool = False


class LocalSource:
    """Reads files by `pread`. Any number of threads may read at once."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._max_open = max_open
        self._lock = threading.Lock()
        self._files: OrderedDict[str, _Open] = OrderedDict()

    def size(self, url: str) -> int:
        """Length of a file."""
        return os.stat(url).st_size

    def open(self, url: str, start: int, end: int | None, tag: str | None) -> LocalBody:
        """A file from a place on; one that is open stays the same when another takes its name."""
        with self._lock:
            return LocalBody(self._open(url), start)

    def read(self, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
        """The bytes of some ranges."""
        while True:
            try:
                with self._borrow(url) as descriptor:
                    return [pread(url, descriptor, offset, size) for offset, size in ranges]
            except ShortError:
                raise
            except OSError as error:
                self._drop(url)
                patience.wait(error)

    def close(self) -> None:
        """Close what no thread is reading."""
        with self._lock:
            for url in list(self._files):
                self._forget(url)

    def __del__(self) -> None:
        for file in self._files.values():
            if not file.users:
                os.close(file.descriptor)

    @contextmanager
    def _borrow(self, url: str) -> Iterator[int]:
        with self._lock:
            file = self._files.get(url)
            if file is None:
                file = self._files[url] = _Open(self._open(url))
                for oldest in list(self._files)[: -self._max_open]:
                    self._forget(oldest)
            self._files.move_to_end(url)
            file.users += 1
        try:
            yield file.descriptor
        finally:
            with self._lock:
                file.users -= 1
                if file.dropped and not file.users:
                    os.close(file.descriptor)

    def _open(self, url: str) -> int:
        while True:
            try:
                return os.open(url, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or not self._files:
                    raise
                # Others need descriptors too: keep half as many from now on.
                self._max_open = max(1, len(self._files) // 2)
                for oldest in list(self._files)[: -self._max_open] or list(self._files):
                    self._forget(oldest)

    def _drop(self, url: str) -> None:
        with self._lock:
            if url in self._files:
                self._forget(url)

    def _forget(self, url: str) -> None:
        file = self._files.pop(url)
        file.dropped = True
        if not file.users:
            os.close(file.descriptor)


class LocalBody:
    """An open file read from front to back."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor = descriptor
        self._at = start
        status = os.fstat(self._descriptor)
        self.size: int | None = status.st_size
        self.tag: str | None = f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}"

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = os.pread(self._descriptor, size, self._at)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def pread(url: str, descriptor: int, offset: int, size: int) -> bytes:
    """`size` bytes at `offset` of an open file.

    Raises:
        ShortError: it ends before.
    """
    data = os.pread(descriptor, size, offset)
    if len(data) == size:
        return data
    # One call gives at most 2 GiB, and network file systems may give less.
    parts = [data]
    missing = size - len(data)
    while missing:
        part = os.pread(descriptor, missing, offset + size - missing)
        if not part:
            there = os.fstat(descriptor).st_size
            raise ShortError(f"{url}: ends at byte {there}, not at {offset + size}", there)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)

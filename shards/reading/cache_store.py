"""Where the cache keeps shards: in a folder that processes share, or in nameless files of this process.

A shard gets a name in the folder only when it is complete and checked; until then it has none
(`O_TMPFILE`), so that whatever ends the process, the kernel takes it away. A shard that is being read is
held with a shared `flock`, and only what nobody holds is removed: the limit counts what is on the disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from shards.format import SHA256
from shards.reading.cache_ledger import Ledger, Reservation, close, keep
from shards.reading.errors import ShardError

_SHARD_NAME = re.compile(rf"{SHA256.pattern}\.tar")
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}


class NoRoomError(OSError):
    """The limit of the cache is taken by shards that are in use."""


@dataclass
class Held:
    """A file of a shard that is open, so that nobody removes it: a complete one, or a nameless draft with
    the room that is kept for it."""

    descriptor: int
    size: int
    reservation: Reservation | None = None


class Store(Protocol):
    """Complete shards by name."""

    def find(self, name: str, size: int) -> Held | None:
        """A complete shard, held, None if it is not here."""

    def draft(self, size: int) -> Held:
        """Room for a shard.

        Raises:
            NoRoomError: all room is taken by shards in use.
            OSError: the disk is full.
        """

    def publish(self, draft: Held, name: str) -> None:
        """Make a written draft a shard of the store; its descriptor stays open and holds it."""

    def close(self, draft: Held) -> None:
        """Let go of a shard, or give up a draft."""

    def remove(self, name: str) -> None:
        """Remove a shard that proved damaged."""


class FolderStore:
    """Shards in a folder."""

    def __init__(self, folder: str, max_bytes: int) -> None:
        """Open the folder, made if need be.

        Raises:
            ShardError: its file system has no nameless files.
        """
        self._folder = os.path.abspath(folder)
        self._max_bytes = max_bytes
        os.makedirs(self._folder, exist_ok=True)
        self.ledger = Ledger(self._folder)
        close(self._nameless())

    def find(self, name: str, size: int) -> Held | None:
        """A complete shard, held and marked as used."""
        try:
            descriptor = keep(os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError:
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        status = os.fstat(descriptor)
        if status.st_nlink and status.st_size == size:
            with suppress(PermissionError):
                os.utime(descriptor)
            return Held(descriptor, size)
        close(descriptor)
        if status.st_nlink:
            self.remove(name)
        return None

    def draft(self, size: int) -> Held:
        """Room for a shard, made by removing what was not used for longest."""
        with self.ledger.exclusive():
            self._make_room(size)
            reservation = self.ledger.reserve(size)
        try:
            descriptor = self._nameless()
            try:
                _allocate(descriptor, size)
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            except BaseException:
                close(descriptor)
                raise
        except BaseException:
            reservation.release()
            raise
        return Held(descriptor, size, reservation)

    def publish(self, draft: Held, name: str) -> None:
        """Give a shard its name."""
        assert draft.reservation is not None
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with self.ledger.exclusive():
                with suppress(FileExistsError):
                    source = f"/proc/self/fd/{draft.descriptor}"
                    os.link(source, self._path(name), dst_dir_fd=folder, follow_symlinks=True)
                draft.reservation.release()
        finally:
            os.close(folder)

    def close(self, draft: Held) -> None:
        """Let go of a shard, or give up a draft."""
        close(draft.descriptor)
        if draft.reservation is not None:
            draft.reservation.release()

    def remove(self, name: str) -> None:
        """Remove a shard; those who hold it keep what they have."""
        with suppress(FileNotFoundError):
            os.unlink(self._path(name))

    def _make_room(self, size: int) -> None:
        files = []
        with os.scandir(self._folder) as found:
            for file in found:
                if _SHARD_NAME.fullmatch(file.name):
                    with suppress(FileNotFoundError):
                        status = file.stat()
                        files.append((status.st_mtime_ns, file.path, status.st_size))
        taken = sum(file[2] for file in files) + self.ledger.reserved_bytes()
        for _, path, there in sorted(files):
            if taken + size <= self._max_bytes:
                return
            if _remove_unless_held(path):
                taken -= there
        if taken + size > self._max_bytes:
            raise NoRoomError(
                f"{self._folder}: {taken} of {self._max_bytes} bytes are taken by shards in use, "
                f"{size} more are wanted"
            )

    def _path(self, name: str) -> str:
        if not SHA256.fullmatch(name):
            # Whatever else it is, it may lead to files that are not the cache's.
            raise ValueError(f"{name!r} is not the name of a shard in a cache")
        return os.path.join(self._folder, f"{name}.tar")

    def _nameless(self) -> int:
        try:
            return keep(os.open(self._folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o644))
        except OSError as error:
            if error.errno not in _NO_NAMELESS:
                raise
            raise ShardError(
                f"{self._folder}: this file system has no nameless files (O_TMPFILE), which a shared cache "
                "needs. Choose a folder on a local disk, or folder: null for a private cache."
            ) from error


class PrivateStore:
    """Shards in nameless files, known to this object only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._taken = 0
        self._lock = threading.Lock()

    def find(self, name: str, size: int) -> Held | None:
        """Nothing has a name here."""
        return None

    def draft(self, size: int) -> Held:
        """Room for a shard."""
        with self._lock:
            if self._taken + size > self._max_bytes:
                raise NoRoomError(
                    f"private cache: {self._taken} of {self._max_bytes} bytes are taken by shards in use, "
                    f"{size} more are wanted"
                )
            self._taken += size
        try:
            with tempfile.TemporaryFile() as file:
                descriptor = keep(os.dup(file.fileno()))
            try:
                _allocate(descriptor, size)
            except BaseException:
                close(descriptor)
                raise
        except BaseException:
            self._give_back(size)
            raise
        return Held(descriptor, size)

    def publish(self, draft: Held, name: str) -> None:
        """Keep a written draft."""

    def close(self, draft: Held) -> None:
        """Let go of a shard, which is its end."""
        close(draft.descriptor)
        self._give_back(draft.size)

    def remove(self, name: str) -> None:
        """What is let go of is gone."""

    def _give_back(self, size: int) -> None:
        with self._lock:
            self._taken -= size


def _allocate(descriptor: int, size: int) -> None:
    """Have the disk say now that it is full, not after most of a download."""
    if size:
        os.posix_fallocate(descriptor, 0, size)


def _remove_unless_held(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    finally:
        os.close(descriptor)
    return True

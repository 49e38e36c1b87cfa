"""One small file through which the processes that share a folder agree, without a daemon.

All claims are locks on ranges of its bytes (open file description locks), which the kernel releases
when a process dies, however it dies. Byte 0 guards the folder. Each 8-byte slot after it holds how many
bytes a download will take, and counts while its writer has it locked. Far behind the end of the file, a
byte per shard says who is fetching it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

LEDGER_NAME = "cliploom-cache.lock"
NUM_SLOTS = 4096
_SHARDS = 1 << 40
_FLOCK = struct.Struct("@hhqqi4x")
"""`struct flock` of Linux: kind, whence, first byte, length, owner."""
_SLOT = struct.Struct("<q")
_open: set[int] = set()
"""Descriptors that hold locks. A forked child would hold on to them as well, so it closes its copies."""


def keep(descriptor: int) -> int:
    """Remember a descriptor that holds a lock."""
    _open.add(descriptor)
    return descriptor


def close(descriptor: int) -> None:
    """Close a descriptor that holds a lock, unless a fork has done so."""
    if descriptor in _open:
        _open.discard(descriptor)
        os.close(descriptor)


def _close_in_child() -> None:
    for descriptor in list(_open):
        close(descriptor)


os.register_at_fork(after_in_child=_close_in_child)


class Reservation:
    """Bytes that a download will take; counted until it is released, or its process is dead."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Count them no more."""
        if self._descriptor >= 0:
            close(self._descriptor)
            self._descriptor = -1


class Ledger:
    """The ledger of a folder."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, LEDGER_NAME)
        close(self._open())

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Be the only one that counts, reserves or removes."""
        descriptor = self._open()
        try:
            _lock(descriptor, 0, 1, wait=True)
            yield
        finally:
            close(descriptor)

    @contextmanager
    def fetching(self, name: str) -> Iterator[bool]:
        """Whether this is the only one that fetches a shard now."""
        descriptor = self._open()
        try:
            place = _SHARDS + int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big")
            yield _lock(descriptor, place, 1, wait=False)
        finally:
            close(descriptor)

    def wait_for(self, name: str) -> None:
        """Wait until nobody fetches a shard."""
        descriptor = self._open()
        try:
            place = _SHARDS + int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big")
            _lock(descriptor, place, 1, wait=True)
        finally:
            close(descriptor)

    def reserved_bytes(self) -> int:
        """What all downloads under way will take; call it in `exclusive`."""
        descriptor = self._open()
        try:
            slots = os.pread(descriptor, NUM_SLOTS * _SLOT.size, _SLOT.size)
            total = 0
            for number in range(len(slots) // _SLOT.size):
                (size,) = _SLOT.unpack_from(slots, number * _SLOT.size)
                if size > 0 and _is_locked(descriptor, (number + 1) * _SLOT.size, _SLOT.size):
                    total += size
            return total
        finally:
            close(descriptor)

    def reserve(self, size: int) -> Reservation:
        """Count bytes as taken; call it in `exclusive`.

        Raises:
            OSError: thousands of downloads are under way.
        """
        descriptor = self._open()
        try:
            for number in range(1, NUM_SLOTS + 1):
                if _lock(descriptor, number * _SLOT.size, _SLOT.size, wait=False):
                    os.pwrite(descriptor, _SLOT.pack(size), number * _SLOT.size)
                    return Reservation(descriptor)
        except BaseException:
            close(descriptor)
            raise
        close(descriptor)
        raise OSError(f"{self._path}: {NUM_SLOTS} downloads are under way")

    def _open(self) -> int:
        # Each claim has its own description of the file, so that threads exclude each other too.
        return keep(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666))


def _lock(descriptor: int, start: int, length: int, *, wait: bool) -> bool:
    command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
    try:
        fcntl.fcntl(descriptor, command, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))
    except BlockingIOError:
        return False
    except PermissionError:
        # EACCES is the other name of "somebody has it".
        return False
    return True


def _is_locked(descriptor: int, start: int, length: int) -> bool:
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked)
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)

"""The cache of whole shards: each is fetched once, read in place, and forgotten by last use.

Nothing waits for it: while a shard is on its way, its samples are read by ranges. Nothing is left of what
was not finished, whatever happens to the process.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from shards.reading.cache_config import CacheConfig
from shards.reading.cache_store import FolderStore, Held, NoRoomError, PrivateStore, Store
from shards.reading.sources import Target

log = logging.getLogger(__name__)
MAX_OPEN = 512
"""Shards held open by one process."""


class ShardCache:
    """Whole shards on this machine, at most `max_bytes` of them.

    With a `folder` they are shared by all processes that name it: each is fetched once. Without one they
    are this process's own, and end with it. `ahead_shards` are fetched before they are due, `downloads`
    at a time.

    Raises:
        ShardError: the folder's file system cannot hold a shared cache.
    """

    def __init__(
        self, folder: str | None, max_bytes: int, *, ahead_shards: int = 2, downloads: int = 2
    ) -> None:
        self.ahead_shards = ahead_shards
        self.downloads = downloads
        self.max_bytes = max_bytes
        self._folder = folder
        self._lock = threading.Lock()
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._users: dict[str, int] = {}
        self._released: set[str] = set()
        self._under_way: dict[str, threading.Event] = {}
        self._store: Store = PrivateStore(max_bytes) if folder is None else FolderStore(folder, max_bytes)
        self._ledger = self._store.ledger if isinstance(self._store, FolderStore) else None

    @classmethod
    def open(cls, config: CacheConfig | None) -> ShardCache | None:
        """The cache that a config asks for, if any."""
        if config is None:
            return None
        return cls(
            config.folder, config.max_bytes, ahead_shards=config.ahead_shards, downloads=config.downloads
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (self._folder, self.max_bytes, self.ahead_shards, self.downloads)

    def renewed(self) -> ShardCache:
        """The same cache for a forked process, which shares no open files with its parent's."""
        return _make(self._folder, self.max_bytes, self.ahead_shards, self.downloads)

    @contextmanager
    def borrow(self, name: str, size: int) -> Iterator[int | None]:
        """A descriptor of a shard, for as long as the block lasts; None if it is not here."""
        held = self._take(name, size)
        try:
            yield None if held is None else held.descriptor
        finally:
            if held is not None:
                with self._lock:
                    self._users[name] -= 1
                    self._let_go_if_released(name)

    def has(self, name: str, size: int) -> bool:
        """Whether a shard is here, complete."""
        with self.borrow(name, size) as descriptor:
            return descriptor is not None

    def fetch(
        self,
        name: str,
        size: int,
        download: Callable[[Target], None],
        *,
        sha256: str | None,
        needed: Callable[[str], bool],
        wait: bool,
    ) -> bool:
        """Have a shard here, fetched if need be. Where another process is fetching it, wait for that one
        if `wait`, else return False. Of this process's own shards those go that are not `needed`.

        Raises:
            NoRoomError: the limit is taken by shards in use; the message has the figures.
            OSError: the shard cannot be read, or the disk is full.
        """
        with self._lock:
            self._released.discard(name)
        while not self.has(name, size):
            with self._alone(name) as other:
                if other is None:
                    with self._ledger.fetching(name) if self._ledger else nullcontext(True) as mine:
                        if mine and not self.has(name, size):
                            self._fetch(name, size, download, sha256, needed)
                        if mine:
                            return True
            if not wait:
                return False
            if other is not None:
                other.wait()
            elif self._ledger is not None:
                self._ledger.wait_for(name)
        return True

    @contextmanager
    def _alone(self, name: str) -> Iterator[threading.Event | None]:
        """None if no other thread of this process fetches the shard, else what tells that it is done."""
        with self._lock:
            other = self._under_way.get(name)
            if other is None:
                mine = self._under_way[name] = threading.Event()
        try:
            yield other
        finally:
            if other is None:
                with self._lock:
                    del self._under_way[name]
                mine.set()

    def drop(self, name: str) -> None:
        """Forget a shard whose bytes proved to be other than those that were fetched."""
        self._store.remove(name)
        with self._lock:
            if name in self._held and not self._users[name]:
                self._let_go(name)

    def release(self, name: str) -> None:
        """Let other processes remove a shard that this one does not need soon: at once, or as soon as who
        reads or fetches it is done."""
        if self._ledger is None:
            # It would be gone.
            return
        with self._lock:
            self._released.add(name)
            self._let_go_if_released(name)

    def close(self) -> None:
        """Let go of everything that no thread is reading."""
        with self._lock:
            for name in [name for name in self._held if not self._users[name]]:
                self._let_go(name)

    def __del__(self) -> None:
        for held in getattr(self, "_held", {}).values():
            self._store.close(held)

    def _take(self, name: str, size: int) -> Held | None:
        with self._lock:
            held = self._held.get(name)
            if held is None:
                held = self._find(name, size)
                if held is None:
                    return None
                self._hold(name, held)
            self._held.move_to_end(name)
            self._users[name] += 1
            return held

    def _find(self, name: str, size: int) -> Held | None:
        try:
            return self._store.find(name, size)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self._close_idle(len(self._held) // 2)
            return None

    def _hold(self, name: str, held: Held) -> None:
        self._held[name] = held
        self._users.setdefault(name, 0)
        if len(self._held) > MAX_OPEN:
            self._close_idle(MAX_OPEN // 8)

    def _close_idle(self, count: int) -> None:
        for name in [name for name in self._held if not self._users[name]][:count]:
            self._let_go(name)

    def _let_go_if_released(self, name: str) -> None:
        if name in self._released and name in self._held and not self._users[name]:
            self._let_go(name)

    def _let_go(self, name: str) -> None:
        self._store.close(self._held.pop(name))
        del self._users[name]

    def _fetch(
        self,
        name: str,
        size: int,
        download: Callable[[Target], None],
        sha256: str | None,
        needed: Callable[[str], bool],
    ) -> None:
        draft = self._room(size, needed)
        try:
            target = _File(draft.descriptor, size)
            download(target)
            os.ftruncate(draft.descriptor, target.written)
            if target.written == size and sha256 in (None, target.sha256):
                self._store.publish(draft, name)
            else:
                # Not the shard of the manifest. It serves this process, which checks each sample by
                # its own hash, as it would without a cache; others are not given it.
                log.warning(
                    "cache: a shard came as %d bytes with sha256 %s, the manifest says %d and %s: "
                    "its samples are checked one by one, and it is not shared",
                    target.written, target.sha256, size, sha256,
                )  # fmt: skip
        except BaseException:
            self._store.close(draft)
            raise
        with self._lock:
            if name not in self._held:
                self._hold(name, draft)
                self._let_go_if_released(name)
                return
        # It had its name before, so another thread has borrowed it by that: one of the two is enough.
        self._store.close(draft)

    def _room(self, size: int, needed: Callable[[str], bool]) -> Held:
        while True:
            try:
                return self._store.draft(size)
            except NoRoomError as error:
                with self._lock:
                    idle = [name for name in self._held if not self._users[name] and not needed(name)]
                    if not idle:
                        own = sum(held.size for held in self._held.values())
                        raise NoRoomError(
                            f"{error}; {len(self._held)} of them ({own} bytes) are this process's"
                        ) from None
                    self._let_go(idle[0])


class _File:
    """A shard as it is written: its length and its sha256 are known at any time."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._hash = hashlib.sha256()
        self.written = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far, in hexadecimal."""
        return self._hash.hexdigest()

    def write(self, block: bytes) -> None:
        """Append."""
        if self.written + len(block) > self._size:
            raise OSError(errno.EFBIG, f"the file is longer than the {self._size} bytes of the manifest")
        self._hash.update(block)
        view = memoryview(block)
        while view:
            count = os.pwrite(self._descriptor, view, self.written)
            self.written += count
            view = view[count:]

    def restart(self) -> None:
        """Begin anew."""
        self._hash = hashlib.sha256()
        self.written = 0


def _make(folder: str | None, max_bytes: int, ahead_shards: int, downloads: int) -> ShardCache:
    return ShardCache(folder, max_bytes, ahead_shards=ahead_shards, downloads=downloads)

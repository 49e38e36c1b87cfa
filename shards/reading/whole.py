"""When whole shards are fetched into the cache, and when their samples are rather read by ranges."""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from shards.reading.ahead import Ahead
from shards.reading.background import Background
from shards.reading.cache import ShardCache
from shards.reading.cache_store import NoRoomError
from shards.reading.errors import ShardError
from shards.reading.local_source import pread
from shards.reading.manifest import Shard
from shards.reading.sources import Patience, Sources, Target, transfer

AROUND_FRACTION = 0.05
"""Of a shard on its way into the cache, this much is read by ranges meanwhile; then it is waited for."""
REFUSAL_S = 10.0
"""How long a shard for which the cache had no room is not tried again."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
Ranges = Sequence[tuple[int, int]]

log = logging.getLogger(__name__)


class WholeShards:
    """Reads out of a cache of remote shards, and has it filled: with those of which a sample is asked for,
    and with those that come next. `plan` tells which these are, where it is known."""

    def __init__(self, cache: ShardCache, sources: Sources, patience: Callable[[str], Patience]) -> None:
        self.plan: Ahead | None = None
        self._cache = cache
        self._sources = sources
        self._patience = patience
        self._lock = threading.Lock()
        self._downloads = Background(cache.downloads, "shard-cache")
        self._sizes: dict[str, int] = {}
        self._wanted: set[str] = set()
        self._early: set[str] = set()
        self._coming: deque[Shard] = deque()
        self._refused: dict[str, float] = {}
        self._around: Counter[str] = Counter()
        self._told: set[type[Exception]] = set()

    def read(self, shard: Shard, ranges: Ranges) -> list[bytes] | None:
        """Bytes of a shard that is here; None if they are to be read by ranges: the first few of a shard
        that is on its way, so that nothing waits in the beginning, and all of one that finds no room."""
        found = self._read(shard, ranges)
        with self._lock:
            self._early.discard(_name(shard))
        if found is None:
            self._want(shard)
        self._fetch_early()
        if found is None and self._waits_for(shard, sum(size for _, size in ranges)):
            try:
                self._fetch(shard, wait=True)
            except (OSError, EOFError, ShardError) as error:
                self._refuse(shard, error)
            found = self._read(shard, ranges)
        return found

    def read_only_here(self, shard: Shard, ranges: Ranges) -> list[bytes]:
        """Bytes of a shard that cannot be read by ranges.

        Raises:
            ShardError: the cache has no room for it.
            OSError: it cannot be fetched.
        """
        self._fetch(shard, wait=True)
        found = self._read(shard, ranges)
        if found is None:
            raise OSError(f"{shard.url}: was removed from the cache as soon as it was there")
        return found

    def expect(self, shards: Iterable[Shard]) -> None:
        """Fetch shards that come next, a few at a time."""
        with self._lock:
            self._coming.extend(shards)
        self._fetch_early()

    def finished(self, shards: Iterable[Shard]) -> None:
        """Let go of shards that are not needed soon, so that others may have their room."""
        for shard in shards:
            self._cache.release(_name(shard))

    def distrust(self, shard: Shard) -> None:
        """Forget a shard whose bytes are not those that were fetched."""
        self._cache.drop(_name(shard))

    def close(self) -> None:
        """Fetch nothing more, and let go of everything."""
        self._downloads.close()
        self._cache.close()

    def _read(self, shard: Shard, ranges: Ranges) -> list[bytes] | None:
        with self._cache.borrow(_name(shard), self._size(shard)) as descriptor:
            if descriptor is None:
                return None
            return [pread(shard.url, descriptor, offset, size) for offset, size in ranges]

    def _waits_for(self, shard: Shard, num_bytes: int) -> bool:
        """Whether enough was read around a shard that the cache has room for."""
        name, limit = _name(shard), AROUND_FRACTION * self._size(shard)
        with self._lock:
            if self._refused.get(name, 0.0) > time.monotonic():
                return False
            self._around[name] += num_bytes
            return self._around[name] > limit

    def _fetch_early(self) -> None:
        while True:
            with self._lock:
                if not self._coming or len(self._early) >= self._cache.ahead_shards:
                    return
                shard = self._coming.popleft()
                self._early.add(_name(shard))
            self._want(shard)

    def _want(self, shard: Shard) -> None:
        name = _name(shard)
        with self._lock:
            if name in self._wanted or self._refused.get(name, 0.0) > time.monotonic():
                return
            self._wanted.add(name)
        self._downloads.submit(partial(self._fetch_in_background, shard))

    def _fetch_in_background(self, shard: Shard) -> None:
        try:
            self._fetch(shard, wait=False)
        except (OSError, EOFError, ShardError) as error:
            self._refuse(shard, error)
        finally:
            with self._lock:
                self._wanted.discard(_name(shard))

    def _refuse(self, shard: Shard, error: Exception) -> None:
        """Read a shard by ranges for a while, since the cache cannot have it."""
        with self._lock:
            self._refused[_name(shard)] = time.monotonic() + REFUSAL_S
            told = type(error) in self._told
            self._told.add(type(error))
        if not told:
            log.warning("cache: %s. Its samples are read by ranges meanwhile.", error)

    def _fetch(self, shard: Shard, *, wait: bool) -> None:
        """Have a shard in the cache, unless another process is fetching it and that is not waited for."""
        name, size, url = _name(shard), self._size(shard), shard.url
        plan, soon = self.plan, set[str]()

        def download(target: Target) -> None:
            transfer(self._sources.of(url), url, 0, None, target, self._patience(url))

        def needed(other: str) -> bool:
            if plan is not None and not soon:
                soon.update(map(_name, plan.coming()))
            return other in soon

        try:
            self._cache.fetch(name, size, download, sha256=shard.sha256, needed=needed, wait=wait)
        except NoRoomError as error:
            raise ShardError(f"{url}: {error}. {self._advice(plan)}") from None
        except OSError as error:
            if error.errno not in _FULL:
                raise
            raise ShardError(
                f"{url}: {size} bytes do not fit on the disk of the cache ({error.strerror}). "
                "Lower the cache's max_bytes to what the disk has, or choose another folder."
            ) from None
        with self._lock:
            self._around.pop(name, None)

    def _advice(self, plan: Ahead | None) -> str:
        shards = [] if plan is None else plan.coming()
        wanted = sum(self._size(each) for each in shards)
        if wanted <= self._cache.max_bytes:
            return "Raise the cache's max_bytes."
        return f"{len(shards)} shards are read by turns: raise the cache's max_bytes to {wanted} at least."

    def _size(self, shard: Shard) -> int:
        if shard.size_bytes is not None:
            return shard.size_bytes
        patience = self._patience(shard.url)
        while shard.url not in self._sizes:
            try:
                self._sizes[shard.url] = self._sources.of(shard.url).size(shard.url)
            except OSError as error:
                patience.wait(error)
        return self._sizes[shard.url]


def _name(shard: Shard) -> str:
    """What a shard is called in a cache: by its bytes, or by those that its index says it has."""
    return shard.sha256 or hashlib.sha256(f"{shard.url}\0{shard.index_sha256}".encode()).hexdigest()

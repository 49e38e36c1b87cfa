"""Bytes of samples out of shards: checked, by ranges or out of a cache, with retries for passing faults."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from curation.base.storage import is_local
from shards.reading.ahead import FAR, FIRST_STEP, NEAR, SCAN_STEP, Ahead, Members, Place
from shards.reading.background import Background
from shards.reading.cache import ShardCache
from shards.reading.errors import DamagedSampleError
from shards.reading.index import Entry, Index, IndexCache
from shards.reading.manifest import Shard
from shards.reading.sources import (
    RETRY_S,
    Memory,
    NoRangesError,
    Patience,
    ShortError,
    Source,
    Sources,
    transfer,
)
from shards.reading.whole import WholeShards

READ_AHEAD_BYTES = 16 << 20
CONNECTIONS = 8
POLL_S = 0.5
"""How often one who waits for a sample looks whether reading ahead was ended."""

log = logging.getLogger(__name__)


class Fetcher:
    """Reads samples; any number of threads may ask at once.

    After an I/O error it is tried again for `retry_s` seconds, each time after a random time of up to
    `backoff_s`, 2 x, 4 x … that, going on at the byte that was reached. Then it is raised: it never makes a
    sample count as damaged.

    Told what comes (`expect`), it reads samples of remote shards ahead, up to `read_ahead_bytes` by
    `connections` at a time, and has the `cache`, if there is one, fetch the shards that come next.
    """

    _ahead: Ahead | None
    _whole: WholeShards | None

    def __init__(
        self,
        *,
        retry_s: float = RETRY_S,
        backoff_s: float = 0.2,
        cache: ShardCache | None = None,
        read_ahead_bytes: int = READ_AHEAD_BYTES,
        connections: int = CONNECTIONS,
    ) -> None:
        self._retry_s = retry_s
        self._backoff_s = backoff_s
        self._read_ahead_bytes = read_ahead_bytes
        self._connections = connections
        self._cache = cache
        self._begin()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("_retry_s", "_backoff_s", "_read_ahead_bytes", "_connections", "_cache")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def index(self, shard: Shard) -> Index:
        """The index of a shard.

        Raises:
            ShardError: it is not the one that the manifest names.
            OSError: it cannot be read.
        """
        self._check_process()
        return self._indexes.get(shard, partial(self._load_index, shard))

    def members(self, shard: Shard, entry: Entry) -> Mapping[str, bytes]:
        """The members of a sample, by extension.

        Raises:
            DamagedSampleError: the shard ends before, or the bytes are not those that were written.
            OSError: the shard cannot be read.
        """
        self._check_process()
        ahead = self._ahead
        future = None
        if ahead is not None:
            future = ahead.take(shard, entry.row)
            self._look_ahead(ahead)
        if future is not None and self._is_done(future):
            return future.result()
        found = self._load(shard, [entry])[0]
        if isinstance(found, DamagedSampleError):
            raise found
        return found

    def expect(self, places: Iterator[Place | None] | None) -> None:
        """Tell which samples will be asked for, in about which order, from now on; None: one cannot know.

        `places` is asked a good deal further than samples are read, by whichever thread reads one; it gives
        None where it does not know yet. What was told before is forgotten.
        """
        self._check_process()
        if self._stopped.is_set():
            return
        ahead = None
        if places is not None:
            horizon = NEAR if self._cache is None else FAR
            ahead = Ahead(places, self._read_ahead, max_bytes=self._read_ahead_bytes, horizon=horizon)
        self._ahead = ahead
        if self._whole is not None:
            self._whole.plan = ahead
        if ahead is not None:
            self._look_ahead(ahead, FIRST_STEP)

    def close(self) -> None:
        """Stop reading ahead, and let go of the cache."""
        self._ahead = None
        self._stopped.set()
        self._readers.close()
        if self._whole is not None:
            self._whole.close()

    def _begin(self) -> None:
        """All that belongs to one process."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._sources = Sources()
        self._indexes = IndexCache()
        self._ahead = None
        self._readers = Background(self._connections, "read-ahead")
        self._without_ranges: set[str] = set()
        self._whole = None
        if self._cache is not None:
            self._whole = WholeShards(self._cache, self._sources, self._patience)

    def _is_done(self, future: Future[Members]) -> bool:
        """Wait for a sample that is read ahead; False if that was given up."""
        while not future.done():
            wait([future], POLL_S)
            if self._stopped.is_set():
                return future.done()
        return True

    def _check_process(self) -> None:
        if self._process != os.getpid():
            if self._cache is not None:
                self._cache = self._cache.renewed()
            self._begin()

    def _patience(self, url: str) -> Patience:
        def tell(error: BaseException, wait_s: float) -> None:
            log.warning("%s: %s; trying again in %.1f s", url, error, wait_s)

        return Patience(self._retry_s, self._backoff_s, tell, self._stopped)

    def _load_index(self, shard: Shard) -> Index:
        url, memory = shard.index_url, Memory()
        transfer(self._sources.of(url), url, 0, None, memory, self._patience(url))
        return Index(shard, memory.whole())

    def _load(self, shard: Shard, entries: Sequence[Entry]) -> list[Members | DamagedSampleError]:
        """The members of some samples of a shard, read together."""
        ranges = [(member.offset, member.size) for entry in entries for member in entry.members]
        try:
            whole = None if is_local(shard.url) else self._whole
            cached = None if whole is None else whole.read(shard, ranges)
            blobs = iter(cached if cached is not None else self._from_source(shard, ranges))
        except ShortError as error:
            if len(entries) > 1:
                return [found for entry in entries for found in self._load(shard, [entry])]
            there = error.size or self._source(shard).size(shard.url)
            where = f"{shard.url}: {entries[0].key}"
            return [DamagedSampleError(f"{where}: the shard ends early, at byte {there}")]
        found = [_checked(shard, entry, [next(blobs) for _ in entry.members]) for entry in entries]
        if cached is not None and any(isinstance(each, DamagedSampleError) for each in found):
            return self._load_around_cache(shard, entries)
        return found

    def _load_around_cache(
        self, shard: Shard, entries: Sequence[Entry]
    ) -> list[Members | DamagedSampleError]:
        """The same from where the shard came from: the copy here may be what is damaged."""
        assert self._whole is not None
        self._whole.distrust(shard)
        found: list[Members | DamagedSampleError] = []
        for entry in entries:
            ranges = [(member.offset, member.size) for member in entry.members]
            try:
                blobs = self._source(shard).read(shard.url, ranges, self._patience(shard.url))
                found.append(_checked(shard, entry, blobs))
            except (ShortError, NoRangesError) as error:
                found.append(DamagedSampleError(f"{shard.url}: {entry.key}: {error}"))
        return found

    def _from_source(self, shard: Shard, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        if shard.storage.url not in self._without_ranges:
            try:
                return self._source(shard).read(shard.url, ranges, self._patience(shard.url))
            except NoRangesError:
                if self._whole is None:
                    raise
                self._without_ranges.add(shard.storage.url)
        assert self._whole is not None
        return self._whole.read_only_here(shard, ranges)

    def _look_ahead(self, ahead: Ahead, step: int = SCAN_STEP) -> None:
        new = ahead.advance(step)
        if self._whole is not None:
            if new:
                self._whole.expect(shard for shard in new if not is_local(shard.url))
            self._whole.finished(ahead.finished())

    def _source(self, shard: Shard) -> Source:
        return self._sources.of(shard.url)

    def _read_ahead(self, shard: Shard, rows: Sequence[tuple[int, Future[Members]]]) -> None:
        self._readers.submit(partial(self._resolve, shard, rows))

    def _resolve(self, shard: Shard, rows: Sequence[tuple[int, Future[Members]]]) -> None:
        try:
            index = self.index(shard)
            results = self._load(shard, [index[row] for row, _ in rows])
        except Exception as error:  # noqa: BLE001 whoever asks for the sample gets it
            for _, future in rows:
                future.set_exception(error)
            return
        for (_, future), result in zip(rows, results, strict=True):
            if isinstance(result, DamagedSampleError):
                future.set_exception(result)
            else:
                future.set_result(result)


def _checked(shard: Shard, entry: Entry, blobs: Sequence[bytes]) -> Members | DamagedSampleError:
    members = {}
    for member, data in zip(entry.members, blobs, strict=True):
        if hashlib.sha256(data).hexdigest() != member.sha256:
            return DamagedSampleError(
                f"{shard.url}: {entry.key}.{member.extension}: sha256 differs from the index"
            )
        members[member.extension] = data
    return members

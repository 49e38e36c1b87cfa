"""Bytes of samples out of shards: one range per sample, checked, with retries for passing faults."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from shards.reading.errors import DamagedSampleError
from shards.reading.index import Entry, Index, IndexCache
from shards.reading.manifest import Shard

T = TypeVar("T")
LASTING = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Faults of the file system that no waiting mends."""

log = logging.getLogger(__name__)


class Fetcher:
    """Reads samples. An I/O error is tried again `retries` times, waiting `backoff_s`, 2 x, 4 x … in
    between, and then raised: it never makes a sample count as damaged."""

    def __init__(self, *, retries: int = 5, backoff_s: float = 0.2) -> None:
        self._retries = retries
        self._backoff_s = backoff_s
        self._indexes = IndexCache()

    def index(self, shard: Shard) -> Index:
        """The index of a shard."""
        known = self._indexes.get(shard)
        if known is None:
            data = self._persist(shard, lambda: shard.storage.read_bytes(shard.index_path))
            known = Index(shard, data)
            self._indexes.put(shard, known)
        return known

    def members(self, shard: Shard, entry: Entry) -> Mapping[str, bytes]:
        """The members of a sample, by extension.

        Raises:
            DamagedSampleError: the shard ends before, or the bytes are not those that were written.
            OSError: the shard cannot be read.
        """
        start = min(member.offset for member in entry.members)
        end = max(member.offset + member.size for member in entry.members)
        data = memoryview(self._persist(shard, lambda: _read(shard, entry.key, start, end - start)))
        members = {}
        for member in entry.members:
            part = data[member.offset - start :][: member.size]
            if hashlib.sha256(part).hexdigest() != member.sha256:
                raise DamagedSampleError(
                    f"{shard.url}: {entry.key}.{member.extension}: sha256 differs from the index"
                )
            members[member.extension] = bytes(part)
        return members

    def _persist(self, shard: Shard, read: Callable[[], T]) -> T:
        for attempt in range(self._retries):
            try:
                return read()
            except LASTING:
                raise
            except (OSError, EOFError) as error:
                wait_s = self._backoff_s * 2**attempt
                log.warning("%s: %s; trying again in %.1f s", shard.url, error, wait_s)
                time.sleep(wait_s)
        return read()


def _read(shard: Shard, key: str, offset: int, size: int) -> bytes:
    try:
        return shard.storage.read_range(shard.path, offset, size)
    except LASTING:
        raise
    except (OSError, EOFError) as error:
        # Short, or out of range on object stores, because the file is short: damage, no passing fault.
        there = shard.storage.size(shard.path)
        if there < offset + size:
            raise DamagedSampleError(f"{shard.url}: {key}: the shard ends early, at byte {there}") from error
        raise

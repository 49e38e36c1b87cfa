"""What is read before it is asked for: samples up to a limit of bytes, and which shards come next."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice

from shards.reading.manifest import Shard

Place = tuple[Shard, int]
"""A shard, and the row of a sample in it."""
Members = Mapping[str, bytes]
FAR = 1 << 16
"""Places that are known ahead where whole shards are fetched: the windows of 64 lanes."""
NEAR = 512
"""Places that are known ahead where samples are read one by one."""
SCAN_STEP = 16
"""Places that are looked at per sample that is consumed, so that the scan is soon far ahead."""
FIRST_STEP = 1024
"""Places that are looked at before anything is consumed."""
MAX_SAMPLES = 256
"""Samples that are read ahead at most, however small they are."""
GUESSED_BYTES = 1 << 20
"""The size of a sample where the manifest says nothing of it."""
STRAGGLERS = 1024
"""A sample that was read ahead is dropped when so many others were asked for since it was due: another was
taken in its place."""


class Ahead:
    """A plan of the places to come, as they will be consumed, and the samples read ahead of it.

    At most `horizon` places are known at a time. `read` gets places of one shard and the futures to
    resolve; it is called with those that are due soon.
    A place None means that the next ones are not yet known. Any thread may call it.
    """

    def __init__(
        self,
        places: Iterator[Place | None],
        read: Callable[[Shard, Sequence[tuple[int, Future[Members]]]], None] | None,
        *,
        max_bytes: int,
        horizon: int,
    ) -> None:
        self._places = places
        self._read = read
        self._max_bytes = max_bytes
        self._horizon = horizon
        self._lock = threading.Lock()
        self._scanning = threading.Lock()
        self._scanned: deque[Place] = deque()
        self._unread: deque[Place] = deque()
        self._uses: Counter[str] = Counter()
        self._due: OrderedDict[tuple[str, int], tuple[int, int, Future[Members]]] = OrderedDict()
        self._due_bytes = 0
        self._finished: list[Shard] = []
        self._consumed = 0

    def take(self, shard: Shard, row: int) -> Future[Members] | None:
        """A sample that was read ahead, or is being so; it is then no more here."""
        with self._lock:
            self._consumed += 1
            if self._scanned:
                self._pass(self._scanned.popleft()[0])
            found = self._due.pop((shard.url, row), None)
            if found is not None:
                self._due_bytes -= found[1]
            return None if found is None else found[2]

    def coming(self) -> list[Shard]:
        """The shards that are among the places that are known."""
        with self._lock:
            return list({shard.url: shard for shard, _ in self._scanned}.values())

    def finished(self) -> list[Shard]:
        """The shards that dropped out of the places that are known, since this was last asked."""
        with self._lock:
            found, self._finished = self._finished, []
        return [shard for shard in found if not self._uses[shard.url]]

    def advance(self, step: int = SCAN_STEP) -> list[Shard]:
        """Look `step` places further ahead, and have samples read; returns shards that are new among them."""
        # Places are asked for outside of the other lock: finding them may take locks of the reader, which
        # it may hold while it takes a sample.
        if not self._scanning.acquire(blocking=False):
            return []
        try:
            new = self._scan(step)
            groups = self._next_groups()
        finally:
            self._scanning.release()
        for shard, rows in groups:
            assert self._read is not None
            self._read(shard, rows)
        return new

    def _pass(self, shard: Shard) -> None:
        self._uses[shard.url] -= 1
        if not self._uses[shard.url]:
            del self._uses[shard.url]
            self._finished.append(shard)

    def _scan(self, step: int) -> list[Shard]:
        new: list[Shard] = []
        room = self._horizon - len(self._scanned)
        for _ in range(min(room, step)):
            place = next(self._places, None)
            if place is None:
                break
            with self._lock:
                if not self._uses[place[0].url]:
                    new.append(place[0])
                self._uses[place[0].url] += 1
                self._scanned.append(place)
                if self._read is not None:
                    self._unread.append(place)
        return new

    def _next_groups(self) -> list[tuple[Shard, list[tuple[int, Future[Members]]]]]:
        """Samples to read now, by shard; a good many at a time, so that neighbours are read as one."""
        groups: dict[str, tuple[Shard, list[tuple[int, Future[Members]]]]] = {}
        with self._lock:
            self._drop_stragglers()
            if 2 * self._due_bytes > self._max_bytes or 2 * len(self._due) > MAX_SAMPLES:
                return []
            while self._unread and self._due_bytes < self._max_bytes and len(self._due) < MAX_SAMPLES:
                shard, row = self._unread.popleft()
                if (shard.url, row) in self._due:
                    continue
                future: Future[Members] = Future()
                size = _guess(shard)
                self._due[(shard.url, row)] = (self._consumed, size, future)
                self._due_bytes += size
                groups.setdefault(shard.url, (shard, []))[1].append((row, future))
        return list(groups.values())

    def _drop_stragglers(self) -> None:
        for name, (since, size, _) in list(islice(self._due.items(), 4)):
            if self._consumed - since > STRAGGLERS:
                del self._due[name]
                self._due_bytes -= size


def _guess(shard: Shard) -> int:
    if shard.size_bytes is None:
        return GUESSED_BYTES
    return shard.size_bytes // max(1, shard.num_samples)

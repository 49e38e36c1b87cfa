"""The walk of one rank along the global slots, which all readers share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from shards.reading.errors import ShardError
from shards.reading.fetch import Fetcher
from shards.reading.manifest import Shard
from shards.reading.samples import Position, RawSample


class RankWalk(ABC):
    """Of the global slots 0, 1, 2… takes those congruent to `rank` modulo `num_ranks`, for ever.

    The slots of all ranks together are the same for every `num_ranks` that divides the lanes. `fetcher`
    is told which samples are next; closing closes it.

    Raises:
        ShardError: `num_ranks` does not divide the lanes, or there is no such rank.
    """

    def __init__(self, *, lanes: int, rank: int, num_ranks: int, fetcher: Fetcher) -> None:
        if num_ranks < 1 or lanes % num_ranks:
            fitting = ", ".join(str(n) for n in range(1, lanes + 1) if lanes % n == 0)
            wanted = math.lcm(lanes, max(num_ranks, 1))
            raise ShardError(
                f"{num_ranks} ranks do not divide the {lanes} lanes of the shards: use {fitting} ranks, or "
                f"give the shards {wanted} lanes (cliploom shards repack --lanes {wanted}; "
                "shards.manifest.lanes of the run that makes them)."
            )
        if not 0 <= rank < num_ranks:
            raise ShardError(f"rank = {rank}, but num_ranks = {num_ranks}: it must be 0..{num_ranks - 1}")
        self._rank = rank
        self._num_ranks = num_ranks
        self._fetcher = fetcher
        self._slot = 0

    @abstractmethod
    def sample(self, slot: int) -> RawSample:
        """The sample of a global slot, wherever the reader is."""

    @abstractmethod
    def _place(self, slot: int) -> tuple[Shard, int] | None:
        """Where the sample of a slot lies; None if that is not decided yet."""

    @property
    @abstractmethod
    def _is_remote(self) -> bool:
        """Whether any shard does not lie on this machine."""

    @abstractmethod
    def _divide(self, num_readers: int) -> None:
        """Note how many readers the passes are divided among."""

    def __iter__(self) -> Iterator[tuple[RawSample, Position]]:
        """Go on from the present position."""
        self._expect(1, 0, 1)
        while True:
            slot, position = self._next()
            sample = self.sample(slot)
            self._slot = position.slot
            yield sample, position

    def slots(
        self, *, batch_size: int = 1, batch: int = 0, of_batches: int = 1
    ) -> Iterator[tuple[int, Position]]:
        """The same without reading: each slot that is this rank's, and the position after it.

        With the other arguments only the slots of some of its batches of `batch_size`, counted from the
        present position: those congruent to `batch` modulo `of_batches`.
        """
        self._expect(batch_size, batch, of_batches)
        number = 0
        while True:
            slot, position = self._next()
            self._slot = position.slot
            if number // batch_size % of_batches == batch:
                yield slot, position
            number += 1

    def close(self) -> None:
        """Stop reading ahead, and let go of the cache."""
        self._fetcher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self) -> tuple[int, Position]:
        base = self._slot
        return base + (self._rank - base) % self._num_ranks, Position(base + self._num_ranks)

    def _expect(self, batch_size: int, batch: int, of_batches: int) -> None:
        """Tell the fetcher what will be read from here on. Files on this machine need no notice."""
        self._divide(self._num_ranks * of_batches)
        first = self._next()[0]
        self._fetcher.expect(self._places(first, batch_size, batch, of_batches) if self._is_remote else None)

    def _places(
        self, first: int, batch_size: int, batch: int, of_batches: int
    ) -> Iterator[tuple[Shard, int] | None]:
        number = 0
        while True:
            if number // batch_size % of_batches == batch:
                place = self._place(first + number * self._num_ranks)
                if place is None:
                    yield None
                    continue
                yield place
            number += 1

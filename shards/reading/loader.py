"""Samples read and decoded ahead by threads, in the order of the stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from shards.reading.errors import DecodeError
from shards.reading.samples import Position, RawSample, SampleStream

T = TypeVar("T")


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """A sample and what was made of it; `position` is where to go on after it. The sample is another
    than the stream's where that one was damaged."""

    sample: RawSample
    position: Position
    value: T


class PrefetchLoader(Generic[T]):
    """Yields what `decode` makes of each sample of a stream, for ever; close it when done.

    Threads read and decode at the same time: both wait for disks or run outside the interpreter lock.
    Their number changes the speed and nothing else. At most `prefetch` samples (default: twice the
    threads) are held in memory, decoded or not, beside the one that was yielded last.

    A sample of which `decode` raises DecodeError is replaced by the stream's substitute. Any other error
    is raised where its sample's turn comes, with a note that names key and shard, and ends the iteration.
    """

    def __init__(
        self,
        stream: SampleStream,
        decode: Callable[[RawSample], T],
        *,
        threads: int = 2,
        prefetch: int | None = None,
    ) -> None:
        self._stream = stream
        self._decode = decode
        self._prefetch = 2 * threads if prefetch is None else prefetch
        if threads < 1 or self._prefetch < 1:
            raise ValueError(f"threads = {threads}, prefetch = {self._prefetch}: both must be at least 1")
        self._slots = stream.slots()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._coming: deque[tuple[Position, Future[tuple[RawSample, T]]]] = deque()
        self._closed = False

    def __iter__(self) -> Iterator[Loaded[T]]:
        return self

    def __next__(self) -> Loaded[T]:
        if self._closed:
            raise StopIteration
        while len(self._coming) < self._prefetch:
            slot, position = next(self._slots)
            self._coming.append((position, self._pool.submit(self._load, slot)))
        position, future = self._coming.popleft()
        try:
            sample, value = future.result()
        except BaseException:
            self.close()
            raise
        return Loaded(sample, position, value)

    def close(self) -> None:
        """Stop reading ahead: what is under way is finished, the rest dropped, and no thread is left."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self, slot: int) -> tuple[RawSample, T]:
        sample = self._stream.sample(slot)
        while True:
            try:
                return sample, self._decode(sample)
            except DecodeError as error:
                sample = self._stream.replacement(sample, str(error))
            except Exception as error:
                error.add_note(f"while decoding sample {sample.key} of {sample.shard}")
                raise

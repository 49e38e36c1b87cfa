"""Gathering: bytes that lie about in files are read in few long stretches, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from curation.base.storage import Storage

T = TypeVar("T")
STRETCH_BYTES = 16 << 20
"""Pieces are read together up to this length, which is what a thread holds in memory (a longer piece apart);
ranges of 8 to 16 MB are what Amazon advises for S3."""
GAP_BYTES = 1 << 20
"""Bytes between two pieces that are rather read along: at 85 to 90 MB/s of a connection they take 12 ms, the
first byte of another request 100 to 200 ms (Amazon, "Performance design patterns for Amazon S3")."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """Bytes of a file that are wanted, and what for."""

    storage: Storage
    path: str
    offset: int
    size: int
    what: T


def gather(pieces: Iterable[Piece[T]], take: Callable[[Piece[T], bytes], None], pool: Executor) -> None:
    """Give `take` the bytes of every piece, in any order and from several threads at a time. Of a file that
    ends early they are fewer than its size.

    Raises:
        OSError: a file cannot be read.
        whatever `take` does.
    """
    under_way = [pool.submit(_read, stretch, take) for stretch in _stretches(pieces)]
    try:
        for done in under_way:
            done.result()
    finally:
        # After a fault nothing more is begun, and what is under way ends before its place is taken away.
        for done in under_way:
            done.cancel()
        wait(under_way)


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all bytes at a place of a file; a disk that fills up may else take a part without an error.

    Raises:
        OSError: they cannot be written.
    """
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _stretches(pieces: Iterable[Piece[T]]) -> Iterator[list[Piece[T]]]:
    """Pieces that lie near each other in a file, front to back."""
    stretch: list[Piece[T]] = []
    end = 0
    for piece in sorted(pieces, key=lambda each: (each.storage.url, each.path, each.offset)):
        if stretch and not (
            (piece.storage.url, piece.path) == (stretch[0].storage.url, stretch[0].path)
            and piece.offset <= end + GAP_BYTES
            and max(end, piece.offset + piece.size) <= stretch[0].offset + STRETCH_BYTES
        ):
            yield stretch
            stretch = []
        end = max(end, piece.offset + piece.size) if stretch else piece.offset + piece.size
        stretch.append(piece)
    if stretch:
        yield stretch


def _read(stretch: Sequence[Piece[T]], take: Callable[[Piece[T], bytes], None]) -> None:
    storage, path, start = stretch[0].storage, stretch[0].path, stretch[0].offset
    end = max(piece.offset + piece.size for piece in stretch)
    try:
        data = storage.read_range(path, start, end - start)
    except EOFError:
        size = storage.size(path)
        data = storage.read_range(path, start, size - start) if size > start else b""
    for piece in stretch:
        first = piece.offset - start
        take(piece, data[first : first + piece.size])

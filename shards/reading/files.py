"""Whole files from wherever shards may lie: manifests and indexes at once, tars as a stream."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from curation.base.storage import normalise
from shards.reading.sources import (
    BLOCK_BYTES,
    RETRY_S,
    Body,
    Memory,
    Patience,
    ReplacedError,
    Sources,
    transfer,
)

FIRST_WAIT_S = 0.2
THREADS = 16
_sources: dict[int, Sources] = {}
log = logging.getLogger(__name__)


def read_file(url: str, *, retry_s: float = RETRY_S) -> bytes:
    """A whole file.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read, after retries.
    """
    url, memory = normalise(url), Memory()
    transfer(_process_sources().of(url), url, 0, None, memory, _patience(url, retry_s))
    return memory.whole()


def read_files(urls: Iterable[str]) -> list[bytes | FileNotFoundError]:
    """Many files, several at a time; an error in the place of each that is not there."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(_read_if_there, urls))


class OpenFile:
    """A file read from front to back; a fault makes it go on at the byte that was reached.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read, after retries, or was replaced meanwhile.
    """

    def __init__(self, url: str, *, retry_s: float = RETRY_S) -> None:
        self._url = normalise(url)
        self._source = _process_sources().of(self._url)
        self._patience = _patience(self._url, retry_s)
        self._at = 0
        self._tag: str | None = None
        self._body: Body | None = None
        self._block, self._taken = b"", 0
        # Whether it is there is told at once.
        self._open()

    def read(self, size: int, /) -> bytes:
        """At most `size` next bytes, none at the end."""
        if self._taken == len(self._block):
            self._block, self._taken = self._next_block(), 0
        found = self._block[self._taken : self._taken + size]
        self._taken += len(found)
        return found

    def _next_block(self) -> bytes:
        while True:
            try:
                if self._body is None:
                    self._open()
                assert self._body is not None
                data = self._body.read(BLOCK_BYTES)
                if not data and self._body.size is not None and self._at < self._body.size:
                    raise ConnectionResetError(
                        f"{self._url}: cut off at byte {self._at} of {self._body.size}"
                    )
            except OSError as error:
                self.close()
                # What was read is of a file that is no more, or cannot be told from another.
                if self._at and (self._tag is None or isinstance(error, ReplacedError)):
                    raise
                self._patience.wait(error)
            else:
                self._at += len(data)
                self._patience.arrived()
                return data

    def close(self) -> None:
        """Give the connection back."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        while self._body is None:
            try:
                self._body = self._source.open(self._url, self._at, None, self._tag)
                self._tag = self._body.tag
            except EOFError:
                # It was cut off at its very end.
                self._body = _End()
            except ReplacedError:
                raise
            except OSError as error:
                self._patience.wait(error)


class _End:
    """Nothing more."""

    tag: str | None = None
    size: int | None = None

    def read(self, size: int, /) -> bytes:
        return b""

    def close(self) -> None:
        pass


def _read_if_there(url: str) -> bytes | FileNotFoundError:
    try:
        return read_file(url)
    except FileNotFoundError as error:
        return error


def _process_sources() -> Sources:
    process = os.getpid()
    if process not in _sources:
        _sources.clear()
        _sources[process] = Sources()
    return _sources[process]


def _patience(url: str, retry_s: float) -> Patience:
    def tell(error: BaseException, wait_s: float) -> None:
        log.warning("%s: %s; trying again in %.1f s", url, error, wait_s)

    return Patience(retry_s, FIRST_WAIT_S, tell)

"""Where bytes of shards come from: one small interface over local files, S3, HTTP and fsspec.

A body is read from a place in a file, and says which version of the file it is of, so that a read that
was cut short goes on where it was and never joins the bytes of two versions.
"""

from __future__ import annotations

import errno
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar

from curation.base.storage import is_local, storage_options

T = TypeVar("T")


class LastingError(OSError):
    """A server will not give what was asked for, however often it is asked."""


LASTING = (FileNotFoundError, IsADirectoryError, LastingError, NotADirectoryError, PermissionError)
"""Faults that no waiting mends."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
BLOCK_BYTES = 1 << 20
RETRY_S = 300.0
"""How long faults in a row are borne: a store that is restarted, a network that is switched over."""
MAX_WAIT_S = 20.0
MAX_DOUBLINGS = 16
GAP_BYTES = 8 << 10
"""Bytes between two wanted ranges that are rather read along than skipped by another request."""
RUN_BYTES = 16 << 20
"""Ranges are joined up to this length, so that a fault does not cost more than a part of what is ahead."""


class ShortError(EOFError):
    """The file ends before the bytes that were asked for; `size` is where."""

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class ReplacedError(OSError):
    """The file is another than the one whose reading was begun."""


class BusyError(OSError):
    """The server asks to be left alone for a while, of `retry_after_s` if it says so."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NoRangesError(OSError):
    """The server does not give parts of files."""


class Body(Protocol):
    """Bytes of a file from some place to its end, or to where it was asked to end."""

    tag: str | None
    """Names the version of the file; None where the server names none."""
    size: int | None
    """Length of the whole file, if it is known."""

    def read(self, size: int, /) -> bytes:
        """At most `size` next bytes, none at the end.

        Raises:
            OSError: the connection broke.
        """

    def close(self) -> None:
        """Give the connection back."""


class Source(Protocol):
    """Files of one kind of URL."""

    def open(self, url: str, start: int, end: int | None, tag: str | None) -> Body:
        """A file from byte `start` to `end` (None: its own end), of the version `tag` if that is given.

        Raises:
            FileNotFoundError, PermissionError: it is not there, or may not be read.
            ShortError: it ends before `start`.
            ReplacedError: it is of another version.
            NoRangesError: the server answers with the whole file.
            OSError: a passing fault.
        """

    def size(self, url: str) -> int:
        """Length of a file."""

    def read(self, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
        """The bytes of some (offset, size), in the order that they are given in.

        Raises:
            ShortError: the file ends before.
            OSError: it cannot be read, for longer than one is willing to wait.
        """


@dataclass
class Patience:
    """How long passing faults are borne, and how long is waited after each: a random time of up to
    `first_wait_s`, 2 x, 4 x … that (full jitter, so that many readers do not come back at once), added to
    what the server asks for.

    `retry_s` counts from the first of several faults in a row: bytes that arrive in between end the row. Its
    last try is at its end.
    """

    retry_s: float
    first_wait_s: float
    tell: Callable[[BaseException, float], None]
    stopped: threading.Event = field(default_factory=threading.Event)
    _faults: int = 0
    _since_s: float = 0.0

    def arrived(self) -> None:
        """Some bytes came."""
        self._faults = 0

    def wait(self, error: BaseException) -> None:
        """Wait after a fault, or raise it if they went on for too long or no waiting mends it."""
        now_s = time.monotonic()
        if not self._faults:
            self._since_s = now_s
        left_s = self._since_s + self.retry_s - now_s
        if isinstance(error, (*LASTING, NoRangesError)) or getattr(error, "errno", None) in _NO_ROOM:
            raise error
        if left_s <= 0:
            raise error
        most_s = min(MAX_WAIT_S, self.first_wait_s * 2 ** min(self._faults, MAX_DOUBLINGS))
        asked_s = error.retry_after_s if isinstance(error, BusyError) else None
        wait_s = min(left_s, (asked_s or 0.0) + random.uniform(0, most_s))
        self._faults += 1
        self.tell(error, wait_s)
        if self.stopped.wait(wait_s):
            raise error


def retry_after_s(header: str | None) -> float | None:
    """The seconds that a `Retry-After` asks for (RFC 9110, 10.2.3: a number, or a date)."""
    if header is None:
        return None
    if header.isascii() and header.isdecimal() and len(header) < 10:
        return float(header)
    try:
        then = parsedate_to_datetime(header)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


class Target(Protocol):
    """What a file is read into."""

    def write(self, block: bytes, /) -> object:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget what was written: the file is read from its beginning again."""


def transfer(
    source: Source, url: str, start: int, end: int | None, target: Target, patience: Patience
) -> None:
    """Read a stretch of a file into a target. After a fault it goes on at the byte where it was, if the
    server names versions and gives parts; else, or if the file is another by then, it begins anew.

    Raises:
        ShortError: the file ends before `end`.
        OSError: faults went on for longer than `patience`.
    """
    at, tag = start, None
    farthest = start
    while True:
        try:
            body = source.open(url, at, end, tag)
            try:
                tag = body.tag
                stop = body.size if end is None else end
                if body.size is not None and stop is not None and body.size < stop:
                    raise ShortError(f"{url}: ends at byte {body.size}, not at {stop}", body.size)
                while stop is None or at < stop:
                    block = body.read(BLOCK_BYTES if stop is None else min(BLOCK_BYTES, stop - at))
                    if not block:
                        if stop is None:
                            return
                        raise ConnectionResetError(f"{url}: cut off at byte {at} of {stop}")
                    target.write(block)
                    at += len(block)
                    if at > farthest:
                        # A file that is always cut at the same place, and begun anew, is no progress.
                        farthest = at
                        patience.arrived()
                return
            finally:
                body.close()
        except ShortError:
            if end is not None or at == start:
                raise
            # It was longer when reading began.
            at, tag = start, None
            target.restart()
            patience.wait(ReplacedError(f"{url}: was replaced while it was read"))
        except OSError as error:
            cannot_go_on = tag is None or isinstance(error, ReplacedError | NoRangesError)
            if isinstance(error, NoRangesError) and start == 0 and end is None and at > 0:
                # It served the file whole before, so it can again.
                error = ConnectionResetError(f"{url}: cut off at byte {at}, and the server gives no parts")
            patience.wait(error)
            if cannot_go_on and at > start:
                at, tag = start, None
                target.restart()
            elif cannot_go_on:
                tag = None


class Memory:
    """A target in memory."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> None:
        """Append."""
        self._blocks.append(block)

    def restart(self) -> None:
        """Forget everything."""
        self._blocks.clear()

    def whole(self) -> bytes:
        """What was written."""
        return self._blocks[0] if len(self._blocks) == 1 else b"".join(self._blocks)


def read_runs(source: Source, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
    """The bytes of some ranges by as few requests as sensible: neighbours come in one."""
    found: list[bytes] = [b""] * len(ranges)
    for run in runs(ranges):
        start = ranges[run[0]][0]
        end = max(ranges[number][0] + ranges[number][1] for number in run)
        memory = Memory()
        if end > start:
            transfer(source, url, start, end, memory, patience)
        data = memory.whole()
        for number in run:
            offset, size = ranges[number]
            found[number] = data if size == len(data) else data[offset - start : offset - start + size]
    return found


def runs(ranges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The numbers of ranges, in groups that lie close together and are not too long."""
    groups: list[list[int]] = []
    first = end = 0
    for number in sorted(range(len(ranges)), key=lambda number: ranges[number]):
        offset, size = ranges[number]
        if groups and offset - end <= GAP_BYTES and max(end, offset + size) - first <= RUN_BYTES:
            groups[-1].append(number)
            end = max(end, offset + size)
        else:
            groups.append([number])
            first, end = offset, offset + size
    return groups


def open_source(url: str) -> Source:
    """The source of a kind of URL."""
    scheme = "file" if is_local(url) else url.split("://", 1)[0]
    if scheme == "file":
        from shards.reading.local_source import LocalSource

        return LocalSource()
    if scheme == "s3":
        from shards.reading.s3_source import S3Source

        return S3Source()
    if scheme in ("http", "https"):
        from shards.reading.http_source import HttpSource

        return HttpSource()
    from shards.reading.fsspec_source import FsspecSource

    return FsspecSource()


class Sources:
    """The sources in use, one for each kind of URL, so that connections and open files are shared.

    They are of one process; a forked child must make its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Source] = {}

    def of(self, url: str) -> Source:
        """The source of a URL."""
        kind = "file" if is_local(url) else f"{url.split('://', 1)[0]} {storage_options(url)}"
        with self._lock:
            if kind not in self._known:
                self._known[kind] = open_source(url)
            return self._known[kind]

"""A walk along a tar, strict for our own shards and lenient for those that others made.

Strict: plain files with plain names, nothing else, and no byte unaccounted for; links, devices, folders,
and the extensions of the format that change how it is read (pax and GNU headers, sparse files) are
refused. Lenient (`tar_by_anyone`): long names are understood, and whatever is odd is told and passed over.

Nothing is ever extracted to disk by a name in a tar.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from tarfile import BLOCKSIZE
from typing import Literal, Protocol, overload

from shards.format import MEMBER_TYPES, is_member_type
from shards.reading.errors import ShardError
from shards.reading.index import MAX_SAMPLE_BYTES

DEFAULT_KEEP_BYTES = 1 << 20
"""A lenient walk keeps the bytes of members up to this size (captions, metadata); larger ones are hashed."""
KeepBytes = Callable[[str, str], int]
"""Up to which size the bytes of a member are kept, by its key and extension."""
Told = Callable[[bytes], object]
_NAME = re.compile(r"([A-Za-z0-9_-]{1,200})\.([a-z0-9]{1,20}|[a-z0-9_]{1,16}\.mp4)")
_ZERO = bytes(BLOCKSIZE)


class Readable(Protocol):
    """A stream that gives at most as many bytes as asked for, and none at its end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar: its own bytes lie at [offset, offset + size). `data` is empty where a lenient walk
    did not keep them."""

    key: str
    extension: str
    offset: int
    size: int
    sha256: str
    data: bytes


class Odd(StrEnum):
    """What is odd about a tar by anyone."""

    LINK = "link"
    DEVICE = "device"
    SPARSE = "sparse"
    BAD_NAME = "bad_name"
    NOT_READ = "not_read"
    TOO_LARGE = "too_large"
    SPLIT_KEY = "split_key"
    DUPLICATE_KEY = "duplicate_key"
    DUPLICATE_MEMBER = "duplicate_member"
    HUGE_HEADER = "huge_header"
    BAD_HEADER = "bad_header"
    TRUNCATED = "truncated"
    NO_END = "no_end"
    AFTER_END = "after_end"


BROKEN = (Odd.TRUNCATED, Odd.BAD_HEADER, Odd.NO_END)
"""What makes a tar one of which something may be missing, or none at all."""


@dataclass(frozen=True, slots=True)
class TarFinding:
    """Something odd, the name that it is about (as far as it is known), and a sentence about it."""

    odd: Odd
    offset: int
    name: str
    detail: str


@overload
def walk(stream: Readable, strict: Literal[True] = True) -> Iterator[TarMember]: ...


@overload
def walk(
    stream: Readable,
    strict: Literal[False],
    *,
    keep_bytes: int | KeepBytes = DEFAULT_KEEP_BYTES,
    told: Told | None = None,
) -> Iterator[TarMember | TarFinding]: ...


def walk(
    stream: Readable,
    strict: bool = True,
    *,
    keep_bytes: int | KeepBytes = DEFAULT_KEEP_BYTES,
    told: Told | None = None,
) -> Iterator[TarMember] | Iterator[TarMember | TarFinding]:
    """Every member in one pass: with its bytes (strict), or with those of members up to `keep_bytes`, and a
    finding for whatever is odd (lenient). `keep_bytes` may be a function, which is called right before a
    member is read; `told` gets the bytes of all members as they come. A finding about a member that is read
    all the same (`SPLIT_KEY`, `DUPLICATE_KEY`, `DUPLICATE_MEMBER`) comes right before it; of others there is
    only the finding.

    Raises:
        ShardError: strict, and the tar is damaged, ends early, or holds what no shard of ours does.
    """
    if strict:
        return _walk_strictly(stream)
    from shards.reading.tar_by_anyone import walk_leniently

    return walk_leniently(stream, keep_bytes, told)


def _walk_strictly(stream: Readable) -> Iterator[TarMember]:
    offset = 0
    while True:
        block = _read(stream, BLOCKSIZE, f"header at byte {offset}")
        if block == _ZERO:
            _check_end(stream, offset)
            return
        info = _header(block, offset)
        key, extension = _split_plain_name(info.name)
        offset += BLOCKSIZE
        data = _read(stream, info.size, info.name)
        _read(stream, -info.size % BLOCKSIZE, info.name)
        yield TarMember(key, extension, offset, info.size, hashlib.sha256(data).hexdigest(), data)
        offset += info.size + -info.size % BLOCKSIZE


def _header(block: bytes, offset: int) -> tarfile.TarInfo:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise ShardError(f"no tar header at byte {offset}: {error}") from error
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise ShardError(f"{info.name!r} at byte {offset} is no plain file (type {info.type!r})")
    if not 0 <= info.size <= MAX_SAMPLE_BYTES:
        raise ShardError(f"{info.name!r} claims {info.size} bytes, limit {MAX_SAMPLE_BYTES}")
    return info


def _split_plain_name(name: str) -> tuple[str, str]:
    found = _NAME.fullmatch(name)
    if found is None:
        raise ShardError(f"{name!r} is not a member's name, <key>.<extension>")
    if not is_member_type(found[2]):
        types = ", ".join(sorted(MEMBER_TYPES))
        raise ShardError(f"{name!r} is of a type that is not read; {types} are, and <form>.mp4")
    return found[1], found[2]


def _check_end(stream: Readable, offset: int) -> None:
    if _read(stream, BLOCKSIZE, "end of archive") != _ZERO:
        raise ShardError(f"one zero block at byte {offset}, where an archive ends with two")
    while rest := stream.read(1 << 20):
        if rest.count(0) != len(rest):
            raise ShardError(f"more than zeros after the end of the archive at byte {offset}")


def _read(stream: Readable, size: int, what: str) -> bytes:
    parts = []
    missing = size
    while missing:
        part = stream.read(missing)
        if not part:
            raise ShardError(f"the tar ends {missing} bytes early, in {what}")
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)

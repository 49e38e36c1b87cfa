"""A strict walk along a tar: plain files with plain names, nothing else, and no byte unaccounted for.

Nothing is ever extracted to disk by a name in a tar. Links, devices, folders, and the extensions of
the format that change how it is read (pax and GNU headers, sparse files) are refused.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from tarfile import BLOCKSIZE
from typing import Protocol

from shards.format import MEMBER_TYPES, is_member_type
from shards.reading.errors import ShardError
from shards.reading.index import MAX_SAMPLE_BYTES

_NAME = re.compile(r"([A-Za-z0-9_-]{1,200})\.([a-z0-9]{1,20}|[a-z0-9_]{1,16}\.mp4)")
_ZERO = bytes(BLOCKSIZE)


class Readable(Protocol):
    """A stream that gives at most as many bytes as asked for, and none at its end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """A file in a tar: `offset` is where its own bytes begin."""

    key: str
    extension: str
    offset: int
    data: bytes


def walk(stream: Readable) -> Iterator[TarMember]:
    """Every member, with its bytes, in one pass.

    Raises:
        ShardError: the tar is damaged, ends early, or holds what no shard does.
    """
    offset = 0
    while True:
        block = _read(stream, BLOCKSIZE, f"header at byte {offset}")
        if block == _ZERO:
            _check_end(stream, offset)
            return
        info = _header(block, offset)
        key, extension = _split_name(info.name)
        offset += BLOCKSIZE
        data = _read(stream, info.size, info.name)
        _read(stream, -info.size % BLOCKSIZE, info.name)
        yield TarMember(key, extension, offset, data)
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


def _split_name(name: str) -> tuple[str, str]:
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

"""A lenient walk along a tar that anyone may have written: ustar, GNU and pax, and findings for the rest.

What may not be read is passed over, so that one odd member does not cost the others. Long names, and
sizes beyond 8 GiB, are taken from pax and GNU headers of bounded length. Nothing is kept but members up
to the size that was asked for, and which extensions each key had.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from tarfile import BLOCKSIZE

from shards.format import is_member_type
from shards.reading.index import MAX_SAMPLE_BYTES
from shards.reading.keys import key_problem, split_name
from shards.reading.tar import KeepBytes, Odd, Readable, TarFinding, TarMember, Told

MAX_HEADER_BYTES = 1 << 20
"""Of a pax or GNU header; names are far shorter, and other things are not read from it."""
BLOCK_BYTES = 1 << 20
_ZERO = bytes(BLOCKSIZE)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)


class _EndsEarly(Exception):
    """The stream is at its end, and should not be."""


@dataclass
class _Overrides:
    """What headers before a member say of it, in place of its own. `huge` is the size of one that was
    passed over."""

    name: bytes | None = None
    size: int | None = None
    sparse: bool = False
    huge: int = 0


@dataclass
class _Stream:
    """A stream that knows where it is."""

    raw: Readable
    offset: int = 0

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        parts = []
        while size:
            part = self.raw.read(size)
            if not part:
                raise _EndsEarly
            parts.append(part)
            size -= len(part)
            self.offset += len(part)
        return b"".join(parts)

    def read_block(self) -> bytes | None:
        """The next 512 bytes, None if the stream ended before them."""
        start = self.offset
        try:
            return self.read(BLOCKSIZE)
        except _EndsEarly:
            if self.offset == start:
                return None
            raise

    def skip(self, size: int) -> None:
        """Pass over bytes."""
        while size > 0:
            size -= len(self.read(min(size, BLOCK_BYTES)))

    def hash(self, size: int, keep: bool, told: Told | None) -> tuple[str, bytes]:
        """The sha256 (hex) of the next bytes, and themselves if they are to be kept."""
        digest, parts = hashlib.sha256(), []
        while size:
            part = self.read(min(size, BLOCK_BYTES))
            digest.update(part)
            if told is not None:
                told(part)
            if keep:
                parts.append(part)
            size -= len(part)
        return digest.hexdigest(), b"".join(parts)


def walk_leniently(
    stream: Readable, keep_bytes: int | KeepBytes, told: Told | None = None
) -> Iterator[TarMember | TarFinding]:
    """Members that may be read, and what is odd, in the order of the tar."""
    walker = _Walker(_Stream(stream), keep_bytes, told)
    try:
        yield from walker.walk()
    except _EndsEarly:
        where = walker.stream.offset
        yield TarFinding(Odd.TRUNCATED, where, walker.name, f"the tar ends early, at byte {where}")


@dataclass
class _Walker:
    stream: _Stream
    keep_bytes: int | KeepBytes
    told: Told | None
    name: str = ""
    _key: str | None = None
    _extensions: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def walk(self) -> Iterator[TarMember | TarFinding]:
        """Header by header, to the zero blocks at the end."""
        before = _Overrides()
        while True:
            start = self.stream.offset
            block = self.stream.read_block()
            if block is None:
                yield TarFinding(Odd.NO_END, start, "", "the tar ends without the zero blocks of an end")
                return
            if block == _ZERO:
                yield from self._after_end()
                return
            try:
                info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
                if info.size < 0:
                    raise tarfile.HeaderError("a negative size")
            except tarfile.HeaderError as error:
                yield TarFinding(Odd.BAD_HEADER, start, "", f"no tar header ({error}); the rest is not read")
                return
            if info.type in (*_LONG, *_PAX, tarfile.XGLTYPE):
                self._header(info, before)
            else:
                yield from self._entry(start, info, block, before)
                before = _Overrides()

    def _header(self, info: tarfile.TarInfo, before: _Overrides) -> None:
        """A header that says something of the member after it."""
        if info.size > MAX_HEADER_BYTES:
            before.huge = info.size
            self._skip_data(info.size)
            return
        data = self.stream.read(info.size)
        self.stream.skip(-info.size % BLOCKSIZE)
        if info.type == tarfile.GNUTYPE_LONGNAME:
            before.name = data.split(b"\0", 1)[0]
        elif info.type in _PAX:
            records = _pax_records(data)
            before.name = records.get(b"path", before.name)
            size = records.get(b"size", b"")
            before.size = int(size) if size.isdigit() and len(size) < 20 else before.size
            before.sparse = any(name.startswith(b"GNU.sparse.") for name in records)

    def _entry(
        self, start: int, info: tarfile.TarInfo, block: bytes, before: _Overrides
    ) -> Iterator[TarMember | TarFinding]:
        name = info.name if before.name is None else before.name.decode("utf-8", "surrogateescape")
        self.name = name = name.removeprefix("./")
        size = info.size if before.size is None else before.size
        if info.type == tarfile.DIRTYPE or (name.endswith("/") and info.type in _FILES):
            self._skip_data(size if info.type in _FILES else 0)
            return
        refusal = _refusal(info, before, name, size)
        if refusal is not None:
            if info.type == tarfile.GNUTYPE_SPARSE:
                self._skip_sparse_map(block)
            self._skip_data(0 if info.type in _LINKS else size)
            yield TarFinding(refusal[0], start, _printable(name), refusal[1])
            return
        parts = split_name(name)
        assert parts is not None
        yield from self._seen_before(start, name, *parts)
        offset = self.stream.offset
        most = self.keep_bytes if isinstance(self.keep_bytes, int) else self.keep_bytes(*parts)
        sha256, data = self.stream.hash(size, size <= most, self.told)
        self.stream.skip(-size % BLOCKSIZE)
        yield TarMember(*parts, offset, size, sha256, data)

    def _seen_before(self, start: int, name: str, key: str, extension: str) -> Iterator[TarFinding]:
        known, adjacent = self._extensions[key], self._key == key
        if extension in known:
            odd = Odd.DUPLICATE_MEMBER if adjacent else Odd.DUPLICATE_KEY
            yield TarFinding(odd, start, name, f"'{name}' was met before")
        elif known and not adjacent:
            detail = f"members of '{key}' lie apart, with other keys in between"
            yield TarFinding(Odd.SPLIT_KEY, start, name, detail)
        known.add(extension)
        self._key = key

    def _after_end(self) -> Iterator[TarFinding]:
        start = self.stream.offset
        while rest := self.stream.raw.read(BLOCK_BYTES):
            if rest.count(0) != len(rest):
                detail = "there is more than zeros after the end of the archive; it is not read"
                yield TarFinding(Odd.AFTER_END, start, "", detail)
                return

    def _skip_data(self, size: int) -> None:
        self.stream.skip(size + -size % BLOCKSIZE)

    def _skip_sparse_map(self, block: bytes) -> None:
        # The old GNU form: a byte of each block says whether another one follows.
        more = block[482]
        while more:
            more = self.stream.read(BLOCKSIZE)[504]


def _refusal(info: tarfile.TarInfo, before: _Overrides, name: str, size: int) -> tuple[Odd, str] | None:
    """Why an entry is not read."""
    shown = _printable(name)
    if before.huge:
        detail = f"a header of {before.huge} bytes before it (limit {MAX_HEADER_BYTES})"
        return Odd.HUGE_HEADER, f"'{shown}': {detail}; the member is passed over"
    if info.type in _LINKS:
        return Odd.LINK, f"'{shown}' is a link; links are not followed"
    if info.type == tarfile.GNUTYPE_SPARSE or before.sparse:
        return Odd.SPARSE, f"'{shown}' is a sparse file, whose bytes do not lie in one piece"
    if info.type not in _FILES:
        return Odd.DEVICE, f"'{shown}' is no plain file (type {info.type!r})"
    parts = split_name(name)
    if parts is None:
        return Odd.BAD_NAME, f"'{shown}' is not a member's name, <key>.<extension>"
    if not is_member_type(parts[1]):
        return Odd.NOT_READ, f"'{shown}' is of a type that is not read"
    problem = key_problem(parts[0])
    if problem:
        return Odd.BAD_NAME, problem
    if size > MAX_SAMPLE_BYTES:
        return Odd.TOO_LARGE, f"'{shown}' claims {size} bytes, limit {MAX_SAMPLE_BYTES}"
    return None


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """`<length> <name>=<value>\\n`, over and over; what is malformed ends it."""
    records: dict[bytes, bytes] = {}
    while data:
        digits, _, _ = data.partition(b" ")
        if not digits.isdigit() or len(digits) > 10:
            break
        length = int(digits)
        name, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            break
        records[name] = value[:-1]
        data = data[length:]
    return records


def _printable(name: str) -> str:
    """A name fit for a message: short, and without what a terminal would act on."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name[:200])
    return shown if len(name) <= 200 else shown + "…"

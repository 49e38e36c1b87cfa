"""The index beside a tar: where each sample's members lie, and what their bytes hash to."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shards.format import INDEX_SCHEMA, MEMBER_TYPES, is_member_type
from shards.reading.errors import ShardError
from shards.reading.keys import key_problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from shards.reading.manifest import Shard

MAX_SAMPLE_BYTES = 1 << 30
INDEX_CACHE_BYTES = 256 << 20
"""About 250 bytes are kept of a sample with three members, so these are a million samples."""
IDLE_GETS = 20_000
"""An index that was not among so many that were asked for is in no open window: its shards come by turns."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a sample: its own bytes lie at [offset, offset + size) of the tar."""

    extension: str
    offset: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A sample in an index. `sha256` is over the bytes of all members, in the order of the tar."""

    row: int
    key: str
    duration_s: float
    caption_chars: int
    sha256: str
    members: tuple[Member, ...]


class Index:
    """The samples of one tar, by row. Kept as columns, since many are open at a time and rows are asked
    for one by one."""

    def __init__(self, shard: Shard, data: bytes) -> None:
        """Parse an index file.

        Raises:
            ShardError: it is not the file that was written, or holds what no index does.
        """
        self._where = shard.index_url
        if hashlib.sha256(data).hexdigest() != shard.index_sha256:
            raise ShardError(
                f"{self._where}: sha256 differs from the manifest's; the index is damaged or replaced"
            )
        try:
            # Without threads: ending while Arrow still starts some aborts the process.
            table = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False)
            table = table.cast(INDEX_SCHEMA).combine_chunks()
        except (pa.ArrowException, ValueError, KeyError) as error:
            raise ShardError(f"{self._where}: not an index of a shard ({error})") from error
        self.num_samples = int(table.num_rows)
        if self.num_samples != shard.num_samples:
            raise ShardError(
                f"{self._where}: {self.num_samples} samples, the manifest says {shard.num_samples}"
            )
        self._read_columns(table)
        self._check_members()

    def _read_columns(self, table: pa.Table) -> None:
        columns = {
            name: table[name].chunk(0) if self.num_samples else pa.array([], table[name].type)
            for name in table.column_names
        }
        self._keys = columns["key"]
        self._durations_s = _numbers(columns["duration_s"], np.float64)
        self._caption_chars = _numbers(columns["caption_chars"], np.int64)
        self._sha256 = self._digests(columns["sha256"])
        members = columns["members"]
        # flatten() and its offsets hold for a table that was cut out of a larger one, too.
        self._first = np.concatenate(
            [[0], np.cumsum(_numbers(pc.list_value_length(members), np.int32), dtype=np.int64)]
        )
        parts = members.flatten()
        extensions = pc.struct_field(parts, "extension").dictionary_encode()
        self._types: list[str] = extensions.dictionary.to_pylist()
        self._type = _numbers(extensions.indices, np.int32)
        self._offsets = _numbers(pc.struct_field(parts, "offset"), np.int64)
        self._sizes = _numbers(pc.struct_field(parts, "size"), np.int64)
        self._member_sha256 = self._digests(pc.struct_field(parts, "sha256"))

    def _digests(self, texts: pa.Array) -> bytes:
        """The digests, 32 bytes each: half of what their hexadecimal takes."""
        lengths = _numbers(pc.binary_length(texts), np.int32)
        if (lengths != 64).any():
            raise ShardError(f"{self._where}: row {int(np.argmax(lengths != 64))}: a sha256 is no sha256")
        try:
            return bytes.fromhex("".join(texts.to_pylist()))
        except ValueError:
            raise ShardError(f"{self._where}: a sha256 is not hexadecimal") from None

    def _check_members(self) -> None:
        """What can be said of all members at once."""
        odd = [number for number, name in enumerate(self._types) if not is_member_type(name)]
        for number in odd:
            row, types = self._row_of(self._type == number), ", ".join(sorted(MEMBER_TYPES))
            raise self._refusal(
                row, f"has a member '.{self._types[number]}'; only {types} are read, and <form>.mp4"
            )
        negative = (self._offsets < 0) | (self._sizes < 0)
        if negative.any():
            raise self._refusal(self._row_of(negative), "has a member at a negative place")
        empty = np.diff(self._first) == 0
        if empty.any():
            raise self._refusal(int(np.argmax(empty)), "has no members")
        # A sum of sizes might run over.
        large = self._sizes > MAX_SAMPLE_BYTES
        if not large.any() and self.num_samples:
            totals = np.add.reduceat(self._sizes, self._first[:-1])
            large = np.repeat(totals > MAX_SAMPLE_BYTES, np.diff(self._first))
        if large.any():
            raise self._refusal(self._row_of(large), f"claims more than {MAX_SAMPLE_BYTES} bytes")

    def _row_of(self, members: np.ndarray) -> int:
        return int(np.searchsorted(self._first, np.argmax(members), side="right")) - 1

    def _refusal(self, row: int, problem: str) -> ShardError:
        return ShardError(f"{self._where}: row {row}: sample {self._keys[row].as_py()!r} {problem}")

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        arrays = (self._durations_s, self._caption_chars, self._first, self._type, self._offsets, self._sizes)
        digests = len(self._sha256) + len(self._member_sha256)
        return int(self._keys.nbytes) + digests + sum(int(array.nbytes) for array in arrays)

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, row: int) -> Entry:
        if not 0 <= row < self.num_samples:
            raise IndexError(row)
        key: str = self._keys[row].as_py()
        problem = key_problem(key)
        if problem:
            raise ShardError(f"{self._where}: row {row}: {problem}")
        first, end = int(self._first[row]), int(self._first[row + 1])
        members = tuple(
            Member(self._types[kind], offset, size, self._member_sha256[32 * number : 32 * number + 32].hex())
            for number, kind, offset, size in zip(
                range(first, end),
                self._type[first:end].tolist(),
                self._offsets[first:end].tolist(),
                self._sizes[first:end].tolist(),
                strict=True,
            )
        )
        if len({member.extension for member in members}) != len(members):
            raise self._refusal(row, "has two members of one type")
        digest = self._sha256[32 * row : 32 * row + 32].hex()
        return Entry(row, key, float(self._durations_s[row]), int(self._caption_chars[row]), digest, members)


def _numbers(array: pa.Array, kind: type[np.generic]) -> np.ndarray:
    """The numbers of a column, which has no nulls, in place. (pyarrow's own way imports pandas.)"""
    if not len(array):
        return np.empty(0, kind)
    return np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]


class IndexCache:
    """The indexes that are in use, within a limit of memory: those go that were not used for longest, and
    those that were not used for long. Threads that want the same one wait for one load."""

    def __init__(self, max_bytes: int = INDEX_CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._indexes: OrderedDict[tuple[str, str], _Cached] = OrderedDict()
        self._gets = 0

    def get(self, shard: Shard, load: Callable[[], Index]) -> Index:
        """The index of a shard, loaded if it is not known.

        Raises:
            whatever `load` does; the next call tries again.
        """
        name = (shard.url, shard.index_sha256)
        with self._lock:
            self._gets += 1
            cached = self._indexes.get(name)
            known = cached is not None
            if cached is None:
                cached = self._indexes[name] = _Cached(Future())
            cached.last_get = self._gets
            self._indexes.move_to_end(name)
        if known:
            return cached.index.result()
        try:
            index = load()
        except BaseException as error:
            with self._lock:
                del self._indexes[name]
            cached.index.set_exception(error)
            raise
        cached.index.set_result(index)
        with self._lock:
            self._tidy()
        return index

    def _tidy(self) -> None:
        here = [(name, each) for name, each in self._indexes.items() if each.index.done()]
        size = sum(each.index.result().size_bytes for _, each in here)
        for name, oldest in here[:-1]:
            if size <= self._max_bytes and oldest.last_get + IDLE_GETS > self._gets:
                return
            del self._indexes[name]
            size -= oldest.index.result().size_bytes


@dataclass(slots=True)
class _Cached:
    index: Future[Index]
    last_get: int = 0

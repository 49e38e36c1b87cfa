"""The index beside a tar: where each sample's members lie, and what their bytes hash to."""

from __future__ import annotations

import hashlib
import io
import re
from collections import OrderedDict
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from shards.format import INDEX_SCHEMA, MEMBER_TYPES, is_member_type
from shards.reading.errors import ShardError
from shards.reading.manifest import Shard

KEY = re.compile(r"[A-Za-z0-9_-]{1,200}")
MAX_SAMPLE_BYTES = 1 << 30


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

    key: str
    duration_s: float
    caption_chars: int
    sha256: str
    members: tuple[Member, ...]


class Index:
    """The samples of one tar, by row. Kept as Arrow, since many are open at a time."""

    def __init__(self, shard: Shard, data: bytes) -> None:
        """Parse an index file.

        Raises:
            ShardError: it is not the file that was written, or holds what no index does.
        """
        where = shard.storage.uri(shard.index_path)
        if hashlib.sha256(data).hexdigest() != shard.index_sha256:
            raise ShardError(f"{where}: sha256 differs from the manifest's; the index is damaged or replaced")
        try:
            # Without threads: ending while Arrow still starts some aborts the process.
            file = pq.ParquetFile(io.BytesIO(data), pre_buffer=False)
            self._table = file.read(use_threads=False).cast(INDEX_SCHEMA).combine_chunks()
        except (pa.ArrowInvalid, ValueError, KeyError) as error:
            raise ShardError(f"{where}: not an index of a shard ({error})") from error
        if self._table.num_rows != shard.num_samples:
            raise ShardError(
                f"{where}: {self._table.num_rows} samples, the manifest says {shard.num_samples}"
            )
        self._where = where

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __getitem__(self, row: int) -> Entry:
        values = self._table.slice(row, 1).to_pylist()[0]
        members = tuple(Member(**member) for member in values.pop("members"))
        entry = Entry(**values, members=members)
        problem = _problem(entry)
        if problem:
            raise ShardError(f"{self._where}: row {row}: {problem}")
        return entry


class IndexCache:
    """The indexes used last. `capacity` covers the open windows of 64 lanes."""

    def __init__(self, capacity: int = 256) -> None:
        self._capacity = capacity
        self._indexes: OrderedDict[tuple[str, str], Index] = OrderedDict()

    def get(self, shard: Shard) -> Index | None:
        """The index of a shard, if it is known."""
        index = self._indexes.get((shard.url, shard.index_sha256))
        if index is not None:
            self._indexes.move_to_end((shard.url, shard.index_sha256))
        return index

    def put(self, shard: Shard, index: Index) -> None:
        """Keep an index, and drop the one that was not used for longest."""
        self._indexes[(shard.url, shard.index_sha256)] = index
        while len(self._indexes) > self._capacity:
            self._indexes.popitem(last=False)


def _problem(entry: Entry) -> str | None:
    extensions = [member.extension for member in entry.members]
    if not KEY.fullmatch(entry.key):
        return f"key {entry.key!r} has odd characters"
    if not extensions:
        return f"sample {entry.key} has no members"
    odd = sorted(each for each in extensions if not is_member_type(each))
    if odd:
        types = ", ".join(sorted(MEMBER_TYPES))
        return f"sample {entry.key} has a member '.{odd[0]}'; only {types} are read, and <form>.mp4"
    if len(set(extensions)) != len(extensions):
        return f"sample {entry.key} has two members of one type"
    if any(member.offset < 0 or member.size < 0 for member in entry.members):
        return f"sample {entry.key} has a member at a negative place"
    if sum(member.size for member in entry.members) > MAX_SAMPLE_BYTES:
        return f"sample {entry.key} claims more than {MAX_SAMPLE_BYTES} bytes"
    return None

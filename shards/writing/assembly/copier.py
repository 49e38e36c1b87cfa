"""Copying: bytes of samples go from wherever they lie into shards, each source read front to back.

The order of shards is a shuffle, so every shard takes bytes from all sources. The members of a group of
shards, as many as scratch holds, are first put at their places in a scratch file while each source is
read once (`shards.writing.gathering`), and the shards are then streamed out of it. A source is hence read
once per group, and samples that lie near each other by one request.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.media_store import write_tar_member
from curation.base.storage import HashingWriter, Storage
from shards.format import INDEX_SCHEMA, index_path
from shards.reading.errors import DamagedSampleError
from shards.records import ShardFile
from shards.writing.assembly.layout import NewShard, PlacedMember
from shards.writing.assembly.samples import NewSample, Place
from shards.writing.gathering import Piece, gather, write_at
from shards.writing.index_file import index_bytes
from shards.writing.shard_plan import END_OF_ARCHIVE, member_bytes

GROUP_SAMPLES = 50_000
"""Samples of a group of shards at most: their places are in memory."""

Told = Callable[[int], None]
"""Told how many samples were written, now and then."""


@dataclass(frozen=True)
class Copier:
    """Writes shards to `output`. Members lie in `sources`, by the number of `Place.storage`."""

    sources: Sequence[Storage]
    output: Storage
    scratch: Path
    scratch_bytes: int
    workers: int

    def write(self, shards: Iterable[NewShard], told: Told = lambda _: None) -> Iterator[ShardFile]:
        """Write shards, but for those that are there already as they should be.

        Raises:
            DamagedSampleError: a source no longer holds the bytes that were planned with.
            OSError: a source cannot be read, or a shard not be written.
        """
        with ThreadPoolExecutor(self.workers, thread_name_prefix="copy") as pool:
            for group in self._groups(shards):
                there = list(pool.map(self._find, group))
                missing = [shard for shard, found in zip(group, there, strict=True) if found is None]
                written = iter(self._write_group(missing, pool))
                for shard, found in zip(group, there, strict=True):
                    yield found or next(written)
                    told(len(shard.samples))

    def _write_group(self, shards: Sequence[NewShard], pool: ThreadPoolExecutor) -> list[ShardFile]:
        if not shards:
            return []
        with tempfile.TemporaryFile(dir=self.scratch) as file:
            gathered = file.fileno()
            starts = [0, *accumulate(shard.size_bytes for shard in shards)][:-1]
            os.ftruncate(gathered, starts[-1] + shards[-1].size_bytes)
            self._gather(list(zip(shards, starts, strict=True)), gathered, pool)
            return list(pool.map(lambda shard, start: self._finish(shard, start, gathered), shards, starts))

    def _groups(self, shards: Iterable[NewShard]) -> Iterator[list[NewShard]]:
        group: list[NewShard] = []
        for shard in shards:
            size = sum(each.size_bytes for each in group) + shard.size_bytes
            count = sum(len(each.samples) for each in group) + len(shard.samples)
            if group and (size > self.scratch_bytes or count > GROUP_SAMPLES):
                yield group
                group = []
            group.append(shard)
        if group:
            yield group

    def _find(self, shard: NewShard) -> ShardFile | None:
        """A shard that an earlier try has written, its index being the last of its files; None if it is not
        there, or not byte by byte what would be written now."""
        path = f"{shard.shard_id}.tar"
        try:
            index = self.output.read_bytes(index_path(path))
            rows = pq.read_table(io.BytesIO(index)).cast(INDEX_SCHEMA).to_pylist()
            if len(rows) != len(shard.samples) or self.output.size(path) != shard.size_bytes:
                return None
            with self.output.open_read(path) as tar:
                sha256 = _sha256_if_as_planned(shard, rows, tar)
            return None if sha256 is None else _shard_file(shard, sha256, index)
        except (FileNotFoundError, pa.ArrowException, ValueError, KeyError):
            return None

    def _gather(
        self, shards: Sequence[tuple[NewShard, int]], gathered: int, pool: ThreadPoolExecutor
    ) -> None:
        """Put all members of some shards, each of which begins somewhere in a file, at their places there."""
        pieces = []
        for shard, start in shards:
            for sample, members in shard.samples:
                for placed in members:
                    content = placed.member.content
                    if isinstance(content, Place):
                        one = _Wanted(start + placed.start, placed, sample.key)
                        storage, size = self.sources[content.storage], placed.member.size
                        pieces.append(Piece(storage, content.path, content.offset, size, one))
                    else:
                        _put(gathered, start + placed.start, placed.name, content.encode())
        gather(pieces, partial(_put_checked, gathered), pool)

    def _finish(self, shard: NewShard, start: int, gathered: int) -> ShardFile:
        """Stream a shard out; its bytes begin at `start` of the file where they were gathered."""
        path = f"{shard.shard_id}.tar"
        with self.output.open_write(path) as tar:
            rows = [_copy_sample(sample, members, start, gathered, tar) for sample, members in shard.samples]
            tar.write(END_OF_ARCHIVE)
        index = index_bytes(rows)
        self.output.write_bytes(index_path(path), index)
        return _shard_file(shard, tar.sha256, index)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A member, and where its header goes."""

    start: int
    placed: PlacedMember
    key: str


def _put_checked(gathered: int, piece: Piece[_Wanted], data: bytes) -> None:
    one = piece.what
    if hashlib.sha256(data).hexdigest() != one.placed.member.sha256:
        raise DamagedSampleError(
            f"{piece.storage.uri(piece.path)}: the {piece.size} bytes of {one.placed.name} at "
            f"{piece.offset} are not those that were looked at before: damaged, or changed since. "
            f"Run cliploom shards verify, mend it, or leave it out: --where \"key != '{one.key}'\""
        )
    _put(gathered, one.start, one.placed.name, data)


def _copy_sample(
    sample: NewSample, members: Sequence[PlacedMember], start: int, gathered: int, tar: HashingWriter
) -> dict[str, Any]:
    """Stream a sample into the tar; returns its row of the index."""
    digest = hashlib.sha256()
    for placed in members:
        data = os.pread(gathered, member_bytes(placed.member.size), start + placed.start)
        tar.write(data)
        digest.update(memoryview(data)[tarfile.BLOCKSIZE :][: placed.member.size])
    return {**_row(sample, members), "sha256": digest.hexdigest()}


def _row(sample: NewSample, members: Sequence[PlacedMember]) -> dict[str, Any]:
    """All of a row of the index that is known before the bytes are."""
    return {
        "key": sample.key,
        "duration_s": sample.duration_s,
        "caption_chars": sample.caption_chars,
        "members": [
            {
                "extension": placed.member.extension,
                "offset": placed.start + tarfile.BLOCKSIZE,
                "size": placed.member.size,
                "sha256": placed.member.sha256,
            }
            for placed in members
        ],
    }


def _put(gathered: int, start: int, name: str, data: bytes) -> None:
    write_at(gathered, _tar_member(name, data), start)


def _tar_member(name: str, data: bytes) -> bytes:
    """A member with its header and filled up to a block."""
    block = io.BytesIO()
    write_tar_member(block, name, data)
    return block.getvalue()


def _sha256_if_as_planned(shard: NewShard, rows: Sequence[dict[str, Any]], tar: IO[bytes]) -> str | None:
    """sha256 of a tar that holds what is planned, as the rows of its index tell; else None."""
    whole = hashlib.sha256()
    for (sample, members), row in zip(shard.samples, rows, strict=True):
        digest = hashlib.sha256()
        for placed in members:
            found = tar.read(member_bytes(placed.member.size))
            data = found[tarfile.BLOCKSIZE :][: placed.member.size]
            digest.update(data)
            right = hashlib.sha256(data).hexdigest() == placed.member.sha256
            if not right or found != _tar_member(placed.name, data):
                return None
            whole.update(found)
        if row != {**_row(sample, members), "sha256": digest.hexdigest()}:
            return None
    end = tar.read(len(END_OF_ARCHIVE) + 1)
    whole.update(end)
    return whole.hexdigest() if end == END_OF_ARCHIVE else None


def _shard_file(shard: NewShard, sha256: str, index: bytes) -> ShardFile:
    path = f"{shard.shard_id}.tar"
    return ShardFile(
        shard_id=shard.shard_id,
        generation=shard.generation,
        split=shard.split,
        path=path,
        sha256=sha256,
        size_bytes=shard.size_bytes,
        index_path=index_path(path),
        index_sha256=hashlib.sha256(index).hexdigest(),
        num_samples=len(shard.samples),
        duration_s=round(sum(sample.duration_s for sample, _ in shard.samples), 6),
        sample_ids=(),
    )

"""Packing: bytes are copied out of the run's media into one tar, and an index is put beside it.

The order of a shard is a shuffle, the order of the media is that of the sources. Of remote media, members
that lie near each other come by one request, several at a time (`shards.writing.gathering`); they are first
put into a scratch file at the places that the plan gives them, and the scratch file is then streamed into
the shard. Media on a disk are read where they lie. Every byte is hashed three times, for its member, sample
and shard; two threads do the first two. No more than four samples, and while reading ahead eight stretches
of media, are in memory at a time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

from curation.base.config import Config
from curation.base.media_store import MediaRef, write_tar_member
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources, Retry
from curation.base.storage import HashingWriter
from curation.base.workspace import Workspace
from shards.format import SHARDS_FOLDER, index_path
from shards.records import Sample, ShardFile
from shards.writing.gathering import Piece, gather, write_at
from shards.writing.index_file import index_bytes
from shards.writing.shard_plan import END_OF_ARCHIVE, PlannedMember, PlannedSample, plan_shard

ContentOf = Callable[[PlannedMember], bytes]
HASHING_THREADS = 2
READING_THREADS = 8
SAMPLES_IN_MEMORY = 4


class PackConfig(Config):
    """Packing copies bytes; there is nothing to set."""


class Pack(Map[Sample, ShardFile]):
    """Writes one shard from all of its samples, which are one batch.

    The tar does not depend on any library. The index is Parquet, whose encoding (not its content) may
    change with pyarrow; that is no reason to pack again, so pyarrow is no part of the stage key.
    """

    name: ClassVar[str] = "pack"
    version: ClassVar[str] = "1"
    input: ClassVar[type[Record]] = Sample
    output: ClassVar[type[Record]] = ShardFile
    resources: ClassVar[Resources] = Resources(batch_size=1 << 31)

    config: PackConfig

    def __init__(self, config: PackConfig, workspace: Workspace) -> None:
        self.config = config
        self._workspace = workspace

    def __call__(self, batch: Sequence[Sample]) -> Iterator[ShardFile | Rejected]:
        """Pack a shard.

        Raises:
            Retry: media could not be read, or the shard not be written.
        """
        shard_ids = {sample.shard_id for sample in batch}
        if len(shard_ids) != 1:
            raise AssertionError(f"a batch is one shard, got samples of {sorted(shard_ids)}")
        try:
            yield self._pack(shard_ids.pop(), plan_shard(batch))
        except (OSError, EOFError) as error:
            raise Retry(f"packing {batch[0].shard_id}: {error}") from error

    def _pack(self, shard_id: str, planned: Sequence[PlannedSample]) -> ShardFile:
        path = f"{shard_id}.tar"
        with (
            self._contents(planned) as content_of,
            self._workspace.storage.open_write(f"{SHARDS_FOLDER}/{path}") as tar,
        ):
            rows = _write(planned, content_of, tar)
            tar.write(END_OF_ARCHIVE)
        with self._workspace.storage.open_write(f"{SHARDS_FOLDER}/{index_path(path)}") as index:
            index.write(index_bytes(rows))
        samples = [one.sample for one in planned]
        return ShardFile(
            shard_id=shard_id,
            generation=samples[0].generation,
            split=samples[0].split,
            path=path,
            sha256=tar.sha256,
            size_bytes=tar.size,
            index_path=index_path(path),
            index_sha256=index.sha256,
            num_samples=len(samples),
            duration_s=round(sum(sample.duration_s for sample in samples), 6),
            sample_ids=tuple(sample.sample_id for sample in samples),
        )

    @contextmanager
    def _contents(self, planned: Sequence[PlannedSample]) -> Iterator[ContentOf]:
        """What gives the bytes of a member, in any order."""
        if self._workspace.media.storage.local_root is not None:
            yield self._read
            return
        with tempfile.TemporaryFile(dir=self._workspace.scratch) as file:
            scratch = file.fileno()

            def put(piece: Piece[PlannedMember], content: bytes) -> None:
                write_at(scratch, content, piece.what.offset)

            def content_of(member: PlannedMember) -> bytes:
                if isinstance(member.content, bytes):
                    return member.content
                return os.pread(scratch, member.size, member.offset)

            with ThreadPoolExecutor(READING_THREADS, thread_name_prefix="media") as reading:
                gather(self._pieces(planned), put, reading)
            yield content_of

    def _pieces(self, planned: Sequence[PlannedSample]) -> Iterator[Piece[PlannedMember]]:
        """The members that lie in the media, and where."""
        storage = self._workspace.media.storage
        for sample in planned:
            for member in sample.members:
                if isinstance(member.content, MediaRef):
                    path, offset = member.content.path, member.content.offset
                    yield Piece(storage, path, offset, member.size, member)

    def _read(self, member: PlannedMember) -> bytes:
        ref = member.content
        if not isinstance(ref, MediaRef):
            return ref
        return self._workspace.media.storage.read_range(ref.path, ref.offset, ref.size_bytes)


def _write(
    planned: Sequence[PlannedSample], content_of: ContentOf, tar: HashingWriter
) -> list[dict[str, Any]]:
    """Write the members of the samples; returns the rows of the index.

    Raises:
        Retry: the bytes of a member are not those that were stored.
    """
    rows = []
    under_way: deque[Future[dict[str, Any]]] = deque()
    with ThreadPoolExecutor(HASHING_THREADS) as hashing:
        for sample in planned:
            contents = [content_of(member) for member in sample.members]
            under_way.append(hashing.submit(_row, sample, contents))
            for member, content in zip(sample.members, contents, strict=True):
                write_tar_member(tar, member.name, content)
            if len(under_way) == SAMPLES_IN_MEMORY:
                rows.append(under_way.popleft().result())
        rows += [future.result() for future in under_way]
    return rows


def _row(planned: PlannedSample, contents: Sequence[bytes]) -> dict[str, Any]:
    """The row of a sample in the index, its members checked."""
    digest = hashlib.sha256()
    for member, content in zip(planned.members, contents, strict=True):
        digest.update(content)
        if hashlib.sha256(content).hexdigest() != member.sha256:
            # Stored bytes that changed: other shards need not wait for this one.
            raise Retry(f"{member.name}: sha256 of '{member.extension}' differs from the record")
    return {
        "key": planned.sample.clip_id,
        "duration_s": planned.sample.duration_s,
        "caption_chars": planned.sample.caption_chars,
        "sha256": digest.hexdigest(),
        "members": [
            {"extension": m.extension, "offset": m.offset, "size": m.size, "sha256": m.sha256}
            for m in planned.members
        ],
    }

"""Packing: bytes are copied out of the run's media into one tar, and an index is put beside it.

The order of a shard is a shuffle, the order of the media is that of the sources. So that media are
read front to back, members are first put into a scratch file at the places that the plan gives them,
and the scratch file is then streamed into the shard. No more than one sample is in memory at a time.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.config import Config
from curation.base.media_store import MediaRef, write_tar_member
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Map, Resources, Retry
from curation.base.storage import HashingWriter
from curation.base.workspace import Workspace
from shards.format import INDEX_SCHEMA, SHARDS_FOLDER, index_path
from shards.records import Sample, ShardFile
from shards.writing.shard_plan import END_OF_ARCHIVE, PlannedMember, PlannedSample, plan_shard


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
        with tempfile.TemporaryFile(dir=self._workspace.scratch) as scratch:
            self._gather(planned, scratch)
            with self._workspace.storage.open_write(f"{SHARDS_FOLDER}/{path}") as tar:
                rows = [_copy(sample, scratch, tar) for sample in planned]
                tar.write(END_OF_ARCHIVE)
        with self._workspace.storage.open_write(f"{SHARDS_FOLDER}/{index_path(path)}") as index:
            index.write(_parquet(rows))
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

    def _gather(self, planned: Sequence[PlannedSample], scratch: IO[bytes]) -> None:
        """Every member to its place, in the order in which the media lie."""
        members = [member for sample in planned for member in sample.members]
        for member in sorted(members, key=_place_of_content):
            block = io.BytesIO()
            write_tar_member(block, member.name, self._content(member))
            scratch.seek(member.start)
            scratch.write(block.getbuffer())

    def _content(self, member: PlannedMember) -> bytes:
        if not isinstance(member.content, MediaRef):
            return member.content
        try:
            return self._workspace.media.read(member.content)
        except ValueError as error:
            # Stored bytes that changed: other shards need not wait for this one.
            raise Retry(str(error)) from error


def _place_of_content(member: PlannedMember) -> tuple[str, int]:
    if isinstance(member.content, MediaRef):
        return member.content.path, member.content.offset
    return "", member.start


def _copy(planned: PlannedSample, scratch: IO[bytes], tar: HashingWriter) -> dict[str, Any]:
    """Stream a sample into the tar; returns its row of the index."""
    first, last = planned.members[0], planned.members[-1]
    scratch.seek(first.start)
    data = scratch.read(last.end - first.start)
    tar.write(data)
    digest = hashlib.sha256()
    view = memoryview(data)
    for member in planned.members:
        digest.update(view[member.offset - first.start :][: member.size])
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


def _parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA), sink, compression="zstd")
    return sink.getvalue()

"""A look at the first samples of a dataset, for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from shards.reading.described import describe
from shards.reading.errors import DamagedSampleError
from shards.reading.files import OpenFile
from shards.reading.manifest import Shard
from shards.reading.parts import check_parts
from shards.reading.tar import BROKEN, TarMember, walk
from shards.reading.tars import open_tars, read_index


@dataclass(frozen=True)
class SampleSummary:
    """A sample in a few lines. `size_bytes` is by extension; `metadata` is the `.json` member; `caption` is
    the text that a trainer takes first; `duration_s` is None where nobody tells it, `problem` where the
    `.json` can be read."""

    key: str
    shard: str
    split: str
    duration_s: float | None
    size_bytes: Mapping[str, int]
    caption: str
    metadata: Mapping[str, Any]
    problem: str | None = None


def head(urls: str | Sequence[str], count: int = 5, *, split: str | None = None) -> Iterator[SampleSummary]:
    """The first `count` samples in the order of the shards, of one split or of all. Tars of others need no
    index.

    Raises:
        ShardError: a URL is refused, a manifest or index cannot be used, or there is no such split.
        DamagedSampleError: the bytes of a sample are not those that were written, or a tar without an index
            ends early, or is none.
        NoRangesError: the server gives no parts of files.
    """
    found = open_tars(urls)
    shards = found.shards if split is None else found.of_split(split)
    yield from islice((sample for shard in shards for sample in _samples(shard)), count)


def _samples(shard: Shard) -> Iterator[SampleSummary]:
    return _by_index(shard) if shard.index_path else _by_walking(shard)


def _by_index(shard: Shard) -> Iterator[SampleSummary]:
    index = read_index(shard)
    check_parts(shard.url)
    for row in range(len(index)):
        entry = index[row]
        texts = {}
        for member in entry.members:
            if member.extension in ("json", "txt"):
                try:
                    data = shard.storage.read_range(shard.path, member.offset, member.size)
                except EOFError as error:
                    raise DamagedSampleError(f"{shard.url}: {entry.key}: the shard ends early") from error
                if hashlib.sha256(data).hexdigest() != member.sha256:
                    raise DamagedSampleError(f"{shard.url}: {entry.key}.{member.extension}: sha256 differs")
                texts[member.extension] = data
        sizes = {member.extension: member.size for member in entry.members}
        yield _summary(shard, entry.key, entry.duration_s, sizes, texts)


def _by_walking(shard: Shard) -> Iterator[SampleSummary]:
    with OpenFile(shard.url) as stream:
        for key, group in groupby(_members(shard, stream), key=lambda member: member.key):
            sample: list[TarMember] = list(group)
            sizes = {member.extension: member.size for member in sample}
            texts = {each.extension: each.data for each in sample if each.extension in ("json", "txt")}
            yield _summary(shard, key, None, sizes, texts)


def _members(shard: Shard, stream: OpenFile) -> Iterator[TarMember]:
    for item in walk(stream, False):
        if isinstance(item, TarMember):
            yield item
        elif item.odd in BROKEN:
            raise DamagedSampleError(f"{shard.url}: {item.detail} (byte {item.offset})")


def _summary(
    shard: Shard, key: str, duration_s: float | None, sizes: Mapping[str, int], texts: Mapping[str, bytes]
) -> SampleSummary:
    described = describe(texts)
    return SampleSummary(
        key=key,
        shard=shard.url,
        split=shard.split,
        duration_s=duration_s or described.duration_s,
        size_bytes=sizes,
        caption=described.caption,
        metadata=described.metadata,
        problem=described.problem,
    )

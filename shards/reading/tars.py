"""Whatever tars some URLs name: those of a manifest, and bare ones with an index beside them or without."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.storage import Storage
from shards.format import DEFAULT_LANES, index_path
from shards.reading.errors import ShardError
from shards.reading.index import Index
from shards.reading.manifest import Shard, ShardList, as_urls, open_shards
from shards.reading.urls import expand, split_url

COMPRESSED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz", ".tar.lz4")


def open_tars(urls: str | Sequence[str]) -> ShardList:
    """Like `open_shards`, but that bare tars need no index: `index_path` is then empty.

    Raises:
        ShardError: a URL is refused, or a manifest cannot be used.
        FileNotFoundError: there is nothing at a URL.
    """
    lists = [_open(url) for url in as_urls(urls)]
    if len(lists) == 1:
        return lists[0]
    return ShardList(
        version=hashlib.sha256("\n".join(one.version for one in lists).encode()).hexdigest(),
        lanes=DEFAULT_LANES,
        shards=tuple(shard for one in lists for shard in one.shards),
        splits=tuple(sorted({split for one in lists for split in one.splits})),
        parts=tuple(one.version for one in lists),
    )


def check_uncompressed(url: str) -> None:
    """Refuse tars in which no byte has a place of its own.

    Raises:
        ShardError: it is a compressed tar.
    """
    if url.endswith(COMPRESSED):
        raise ShardError(
            f"{url}: a compressed tar cannot be read from the middle. Decompress it, e.g. with gunzip"
        )


def _open(url: str) -> ShardList:
    check_uncompressed(url)
    if not url.endswith(".tar"):
        return open_shards(url)
    shards = [_bare(one) for one in expand(url)]
    version = hashlib.sha256(
        "\n".join(f"{each.url} {each.index_sha256}" for each in shards).encode()
    ).hexdigest()
    return ShardList(version, DEFAULT_LANES, tuple(shards), (), (version,))


def _bare(url: str) -> Shard:
    folder, name = split_url(url)
    storage, index = Storage(folder), index_path(name)
    try:
        data = storage.read_bytes(index)
        rows = pq.read_metadata(io.BytesIO(data)).num_rows
    except FileNotFoundError:
        return Shard(storage, name, "", "", 0)
    except pa.ArrowException:
        # Reading it again tells what is wrong with it.
        rows = 0
    return Shard(storage, name, index, hashlib.sha256(data).hexdigest(), rows)


def read_index(shard: Shard) -> Index:
    """The index of a shard.

    Raises:
        ShardError: it cannot be used, or there is none.
        FileNotFoundError: there is no such shard at all.
    """
    if not shard.index_path:
        if not shard.storage.exists(shard.path):
            raise FileNotFoundError(f"{shard.url}: no such file")
        raise ShardError(f"{shard.url}: no index beside it. Make one: cliploom shards index {shard.url}")
    return Index(shard, shard.read_index())

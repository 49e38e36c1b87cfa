"""A look at the first samples of a dataset, for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shards.reading.fetch import Fetcher
from shards.reading.manifest import open_shards


@dataclass(frozen=True)
class SampleSummary:
    """A sample in a few lines. `size_bytes` is by extension; `metadata` is the `.json` member."""

    key: str
    shard: str
    split: str
    duration_s: float
    size_bytes: Mapping[str, int]
    metadata: Mapping[str, Any]


def head(urls: str | Sequence[str], count: int = 5, *, split: str | None = None) -> Iterator[SampleSummary]:
    """The first `count` samples in the order of the shards, of one split or of all.

    Raises:
        ShardError: a URL is refused, a manifest or index cannot be used, or there is no such split.
        DamagedSampleError: the bytes of a sample are not those that were written.
    """
    found = open_shards(urls)
    fetcher = Fetcher()
    shards = found.shards if split is None else found.of_split(split)
    places = ((one, number) for one in shards for number in range(one.num_samples))
    for shard, row in islice(places, count):
        entry = fetcher.index(shard)[row]
        members = fetcher.members(shard, entry)
        yield SampleSummary(
            key=entry.key,
            shard=shard.url,
            split=shard.split,
            duration_s=entry.duration_s,
            size_bytes={extension: len(data) for extension, data in members.items()},
            metadata=json.loads(members["json"]) if "json" in members else {},
        )

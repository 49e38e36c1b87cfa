"""A dataset of one generation, written to a folder of its own; its manifest comes last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curation.base.storage import Storage
from shards.format import MANIFEST_NAME
from shards.reading.errors import ShardError
from shards.reading.manifest import open_shards
from shards.records import ShardFile
from shards.writing.manifest import write_manifest


@dataclass(frozen=True)
class Published:
    """A dataset as it stands. `unchanged` says that it was there before."""

    version: str
    generation: str
    num_shards: int
    num_samples: int
    size_bytes: int
    duration_s: float
    unchanged: bool


def publish(
    output: Storage, lanes: int, generation: str, write: Callable[[], Iterator[ShardFile]]
) -> Published:
    """Write the shards of a generation, and the manifest that names them.

    Raises:
        ShardError: the folder holds a dataset that is not this one.
    """
    there = output.exists(MANIFEST_NAME)
    if there:
        _check_same(output, lanes, generation)
    shards = sorted(write(), key=lambda shard: shard.shard_id)
    version = write_manifest(output, shards, lanes)["version"]
    return Published(
        version=version,
        generation=generation,
        num_shards=len(shards),
        num_samples=sum(shard.num_samples for shard in shards),
        size_bytes=sum(shard.size_bytes for shard in shards),
        duration_s=round(sum(shard.duration_s for shard in shards), 6),
        unchanged=there,
    )


def _check_same(output: Storage, lanes: int, generation: str) -> None:
    found = open_shards(output.url)
    others = {shard.generation for shard in found.shards} - {generation}
    if others or found.lanes != lanes:
        raise ShardError(
            f"{output.uri(MANIFEST_NAME)}: another dataset is there (generation "
            f"{', '.join(sorted(others)) or '?'}, "
            f"{found.lanes} lanes; this one would be {generation}, {lanes} lanes). Give another folder, or "
            f"remove it"
        )

"""A dataset of one generation, written to a folder of its own; its manifest comes last."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from curation.base.storage import Storage
from shards.format import MANIFEST_NAME, MANIFESTS_FOLDER
from shards.reading.errors import ShardError
from shards.reading.manifest import open_shards
from shards.records import ShardFile
from shards.writing.manifest import write_manifest

_LEFT = re.compile(r"\.([0-9]+\.tar|[0-9]+\.index\.parquet|[0-9a-z]+\.json|rejects\.jsonl)\.[0-9a-f]{8}\.tmp")


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
    _sweep(output, generation)
    return Published(
        version=version,
        generation=generation,
        num_shards=len(shards),
        num_samples=sum(shard.num_samples for shard in shards),
        size_bytes=sum(shard.size_bytes for shard in shards),
        duration_s=round(sum(shard.duration_s for shard in shards), 6),
        unchanged=there,
    )


def _sweep(output: Storage, generation: str) -> None:
    """Remove what tries that were killed were writing; other stores than this machine keep nothing of it."""
    root = output.local_root
    if root is None:
        return
    for file in (
        *root.glob(".*.tmp"),
        *(root / MANIFESTS_FOLDER).glob(".*.tmp"),
        *(root / generation).rglob(".*.tmp"),
    ):
        if _LEFT.fullmatch(file.name):
            file.unlink(missing_ok=True)


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

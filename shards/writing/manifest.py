"""The manifest: which shards are the dataset, written last, so that what it names is there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.records import Record, from_arrow
from curation.base.rejects import Rejected
from curation.base.stages import Reduce, Retry, Snapshot
from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.format import (
    DEFAULT_LANES,
    MANIFEST_NAME,
    MANIFEST_SCHEMA_VERSION,
    SHARDS_FOLDER,
    canonical_json,
    kept_manifest_path,
    manifest_version,
)
from shards.records import DatasetManifest, ShardFile


class ManifestConfig(Config):
    """What readers are told beside the list of shards."""

    lanes: int = Field(
        DEFAULT_LANES,
        description="Canonical lanes of the reading order; numbers of ranks that divide it can train.",
        ge=1,
        le=65536,
    )


class Manifest(Reduce[DatasetManifest]):
    """Writes `manifest.json` over all shards of the present generations, and keeps it under its version."""

    name: ClassVar[str] = "manifest"
    version: ClassVar[str] = "1"
    inputs: ClassVar[dict[str, type[Record]]] = {"shards": ShardFile}
    output: ClassVar[type[Record]] = DatasetManifest
    accounts_for: ClassVar[str | None] = "shards"
    publishes: ClassVar[bool] = True

    config: ManifestConfig

    def __init__(self, config: ManifestConfig, workspace: Workspace) -> None:
        self.config = config
        self._workspace = workspace

    def __call__(self, snapshot: Snapshot) -> Iterator[DatasetManifest | Rejected]:
        """Write the manifest.

        Raises:
            Retry: it could not be written.
        """
        shards = sorted(from_arrow(ShardFile, snapshot.table("shards")), key=lambda shard: shard.shard_id)
        storage = Storage(self._workspace.storage.uri(SHARDS_FOLDER))
        try:
            manifest = write_manifest(storage, shards, self.config.lanes)
        except OSError as error:
            raise Retry(f"writing the manifest: {error}") from error
        yield DatasetManifest(
            version=manifest["version"],
            path=MANIFEST_NAME,
            num_samples=manifest["num_samples"],
            num_shards=len(shards),
            shard_ids=tuple(shard.shard_id for shard in shards),
        )


def write_manifest(
    storage: Storage, shards: Sequence[ShardFile], lanes: int, *, tars: str | None = None
) -> dict[str, Any]:
    """Write the manifest of some shards, in the order of their ids, to their folder; returns it."""
    body: dict[str, Any] = {
        "schema_version": MANIFEST_SCHEMA_VERSION,
        "lanes": lanes,
        "num_samples": sum(shard.num_samples for shard in shards),
        "size_bytes": sum(shard.size_bytes for shard in shards),
        "duration_s": round(sum(shard.duration_s for shard in shards), 6),
        "generations": [
            {
                "generation": generation,
                "splits": {
                    split: [_entry(shard) for shard in of_split]
                    for split, of_split in groupby(of_generation, key=lambda shard: shard.split)
                },
            }
            for generation, of_generation in groupby(shards, key=lambda shard: shard.generation)
        ],
    }
    if tars is not None:
        body["tars"] = tars
    manifest = {**body, "version": manifest_version(body)}
    data = canonical_json(manifest).encode() + b"\n"
    _keep_present(storage)
    storage.create(kept_manifest_path(str(manifest["version"])), data)
    storage.write_bytes(MANIFEST_NAME, data)
    return manifest


def _keep_present(storage: Storage) -> None:
    """Keep the manifest that is about to be replaced: it may have been written before any was kept."""
    try:
        data = storage.read_bytes(MANIFEST_NAME)
        present = json.loads(data)
        sound = isinstance(present, dict) and present.get("version") == manifest_version(present)
    except (FileNotFoundError, ValueError):
        return
    if sound:
        storage.create(kept_manifest_path(str(present["version"])), data)


def _entry(shard: ShardFile) -> dict[str, Any]:
    names = ("path", "sha256", "size_bytes", "num_samples", "duration_s", "index_path", "index_sha256")
    return {name: getattr(shard, name) for name in names}

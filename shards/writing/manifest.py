"""The manifest: which shards are the dataset, written last, so that what it names is there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, ClassVar

from pydantic import Field

from curation.base.config import Config
from curation.base.records import Record, from_arrow
from curation.base.rejects import Rejected
from curation.base.stages import Reduce, Retry, Snapshot
from curation.base.workspace import Workspace
from shards.format import (
    DEFAULT_LANES,
    MANIFEST_NAME,
    MANIFEST_SCHEMA_VERSION,
    SHARDS_FOLDER,
    canonical_json,
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
    """Writes `manifest.json` over all shards of the present generations."""

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
        manifest = self._manifest(shards)
        data = canonical_json(manifest).encode() + b"\n"
        try:
            self._workspace.storage.write_bytes(f"{SHARDS_FOLDER}/{MANIFEST_NAME}", data)
        except OSError as error:
            raise Retry(f"writing the manifest: {error}") from error
        yield DatasetManifest(
            version=manifest["version"],
            path=MANIFEST_NAME,
            num_samples=manifest["num_samples"],
            num_shards=len(shards),
            shard_ids=tuple(shard.shard_id for shard in shards),
        )

    def _manifest(self, shards: list[ShardFile]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "schema_version": MANIFEST_SCHEMA_VERSION,
            "lanes": self.config.lanes,
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
        return {**body, "version": manifest_version(body)}


def _entry(shard: ShardFile) -> dict[str, Any]:
    names = ("path", "sha256", "size_bytes", "num_samples", "duration_s", "index_path", "index_sha256")
    return {name: getattr(shard, name) for name in names}

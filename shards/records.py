"""The records of packing: Sample -> ShardFile -> DatasetManifest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from curation.base.media_store import MediaRef
from curation.base.records import Part, Record


@dataclass(frozen=True, kw_only=True)
class SampleMember(Part):
    """A media file of a sample: its extension in the shard, and where its bytes lie in the run."""

    extension: str
    media: MediaRef


@dataclass(frozen=True, kw_only=True)
class Sample(Record):
    """What a shard holds under one key, and its place: generation, split, shard, position.

    `sample_id` hashes every byte of the sample; `facts_digest` hashes it without the provenance of its
    texts: a sample whose facts are as they were stays in the generation that it is in. `shard_id` names
    the shard's content ("<generation>/<split>/<number>"); `metadata` is the text of the `.json` member.
    `generation` hashes the samples of the generation.
    """

    TABLE: ClassVar[str] = "samples"

    sample_id: str
    clip_id: str
    facts_digest: str
    generation: str
    split: str
    shard_id: str
    position: int
    duration_s: float
    caption_chars: int
    members: tuple[SampleMember, ...]
    metadata: str

    @property
    def record_id(self) -> str:
        return self.sample_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.clip_id,)


@dataclass(frozen=True, kw_only=True)
class ShardFile(Record):
    """A tar and its index as written; paths are relative to the run's `shards` folder."""

    TABLE: ClassVar[str] = "shards"

    shard_id: str
    generation: str
    split: str
    path: str
    sha256: str
    size_bytes: int
    index_path: str
    index_sha256: str
    num_samples: int
    duration_s: float
    sample_ids: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.shard_id

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.sample_ids


@dataclass(frozen=True, kw_only=True)
class DatasetManifest(Record):
    """The manifest as written: `version` is the hash that names the dataset; `path` is relative to the
    run's `shards` folder."""

    TABLE: ClassVar[str] = "manifests"

    version: str
    path: str
    num_samples: int
    num_shards: int
    shard_ids: tuple[str, ...]

    @property
    def record_id(self) -> str:
        return self.version

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return self.shard_ids

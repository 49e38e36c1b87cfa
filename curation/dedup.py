"""Clips with the same content, remarked on behind a barrier: read at selection and packing only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from curation.base.config import Config
from curation.base.records import Record
from curation.base.rejects import Rejected
from curation.base.stages import Reduce, Snapshot
from curation.base.workspace import Workspace
from curation.records import Clip, DuplicateOf


class DedupConfig(Config):
    """Which clips count as the same."""

    kind: Literal["exact"] = Field("exact", description="Clips whose encoded video is the same byte for byte")


class Dedup(Reduce[DuplicateOf]):
    """Names, for every clip whose video form is a byte-wise copy, the one clip that stands for all copies.

    A clip that stood for others keeps doing so as long as it is there; else it is the smallest clip id.
    """

    name: ClassVar[str] = "dedup"
    version: ClassVar[str] = "1"
    inputs: ClassVar[Mapping[str, type[Record]]] = {"clips": Clip}
    output: ClassVar[type[DuplicateOf]] = DuplicateOf
    accounts_for: ClassVar[str | None] = None

    def __init__(self, config: DedupConfig, workspace: Workspace) -> None:
        self.config: DedupConfig = config

    def __call__(self, snapshot: Snapshot) -> Iterator[DuplicateOf | Rejected]:
        """Duplicates in order of clip id."""
        clips = _content_hashes(snapshot.table("clips"))
        pairs = _pairs(_repeated(clips), snapshot.previous())
        for batch in pairs.to_batches():
            for clip_id, representative in zip(
                batch.column("clip_id").to_pylist(), batch.column("representative").to_pylist(), strict=True
            ):
                yield DuplicateOf(clip_id=clip_id, duplicate_of=representative, kind=self.config.kind)


def _content_hashes(clips: pa.Table) -> pa.Table:
    """clip_id and the sha256 of its video form."""
    return pa.table(
        {"clip_id": clips.column("clip_id"), "sha256": pc.struct_field(clips.column("video"), "sha256")}
    )


def _repeated(clips: pa.Table) -> pa.Table:
    """The clips whose hash occurs more than once; few, however many clips there are."""
    counts = clips.group_by("sha256").aggregate([("clip_id", "count")])
    repeated = counts.filter(pc.greater(counts.column("clip_id_count"), 1)).column("sha256")
    return clips.filter(pc.is_in(clips.column("sha256"), value_set=repeated.combine_chunks()))


def _pairs(clips: pa.Table, previous: pa.Table | None) -> pa.Table:
    """clip_id and representative of each clip that is not its own representative, by clip id."""
    chosen = pa.array([], pa.string()) if previous is None else previous.column("duplicate_of").unique()
    standing = clips.filter(pc.is_in(clips.column("clip_id"), value_set=chosen))
    smallest = _smallest(clips).rename_columns(["sha256", "smallest"])
    kept = _smallest(standing).rename_columns(["sha256", "kept"])
    by_hash = smallest.join(kept, "sha256", join_type="left outer")
    representative = pc.coalesce(by_hash.column("kept"), by_hash.column("smallest"))
    by_hash = pa.table({"sha256": by_hash.column("sha256"), "representative": representative})
    joined = clips.join(by_hash, "sha256", join_type="inner")
    others = joined.filter(pc.not_equal(joined.column("clip_id"), joined.column("representative")))
    return others.select(["clip_id", "representative"]).sort_by("clip_id")


def _smallest(clips: pa.Table) -> pa.Table:
    """The smallest clip id of each hash."""
    return clips.group_by("sha256").aggregate([("clip_id", "min")]).select(["sha256", "clip_id_min"])

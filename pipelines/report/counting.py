"""Counts over all rows of a run, one pass over few columns of each table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from captioning.records import Caption, FusedCaption, Modality
from curation.base.records import Record
from curation.records import Clip, DuplicateOf, SourceVideo
from pipelines.report.run_records import RunRecords
from shards.records import DatasetManifest, Sample, ShardFile

Values = NDArray[np.float64]
EMBEDDED = ("cliploom ", "pocketsphinx")
"""What the names of models begin with that come with Cliploom and measure rather than describe."""


@dataclass
class CaptionCounts:
    """What the three captioners said."""

    said: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Modality, 0))
    captioned: int = 0
    motion: Counter[str] = field(default_factory=Counter)
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)


@dataclass
class FusionCounts:
    """What the fusion made of it: arrays have a value per fused caption."""

    clips: int
    words: Values
    claims: Values
    uncited_claims: int
    dropped_claims: int
    wordings: Counter[str]
    models: Counter[tuple[str, str, str]]


@dataclass
class PackingCounts:
    """What came to lie in shards."""

    samples: int
    seconds: float
    shards: int
    size_bytes: int
    dataset: str | None


def clip_table(records: RunRecords) -> pa.Table:
    """`clip_id`, `video_id` and `duration_s` of every clip."""
    schema = pa.schema([("clip_id", pa.string()), ("video_id", pa.string()), ("duration_s", pa.float64())])
    parts = [pa.Table.from_batches([each]).cast(schema) for each in records.batches(Clip, schema.names)]
    return pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()


def clips_per_source(clips: pa.Table, num_sources: int) -> Values:
    """How many clips each source gave, zeros included."""
    counted = pc.value_counts(clips.column("video_id")).field("counts").to_numpy(zero_copy_only=False)
    silent = max(0, num_sources - len(counted))
    return np.concatenate([counted.astype(np.float64), np.zeros(silent)])


def count_sources(records: RunRecords) -> tuple[int, float]:
    """Readable videos and their seconds."""
    durations = list(_floats(records.batches(SourceVideo, ["duration_s"]), "duration_s"))
    return len(durations), math.fsum(durations)


def count_rows(records: RunRecords, cls: type[Record], column: str) -> int:
    """Records of a class; `column` is one that is cheap to read."""
    return sum(batch.num_rows for batch in records.batches(cls, [column]))


def count_duplicates(records: RunRecords) -> Counter[str]:
    """Clips that another stands for, by how they were found to be the same."""
    found: Counter[str] = Counter()
    for batch in records.batches(DuplicateOf, ["kind"]):
        found.update(batch.column("kind").to_pylist())
    return found


def count_captions(records: RunRecords) -> CaptionCounts:
    """One pass over the captions; an empty text says nothing."""
    counts = CaptionCounts()
    ids = []
    columns = ["clip_id", "modality", "text", "provenance.model", "provenance.revision"]
    for batch in records.batches(Caption, columns):
        ids.append(batch.column("clip_id").filter(pc.greater(pc.utf8_length(batch.column("text")), 0)))
        for modality in Modality:
            of_modality = pc.equal(batch.column("modality"), modality.value)
            texts = batch.column("text").filter(of_modality)
            counts.said[modality] += int(pc.sum(pc.greater(pc.utf8_length(texts), 0)).as_py() or 0)
            if modality is Modality.VIDEO:
                counts.motion.update(_motion(texts))
        counts.models.update(_models(batch, batch.column("modality")))
    counts.captioned = _num_distinct(ids)
    return counts


def count_fused(records: RunRecords) -> FusionCounts:
    """One pass over the fused captions."""
    ids, words, claims = [], [np.zeros(0)], [np.zeros(0)]
    uncited = dropped = 0
    models: Counter[tuple[str, str, str]] = Counter()
    wordings: Counter[str] = Counter()
    columns = [
        *("clip_id", "text", "claims", "wording", "dropped"),
        *("provenance.model", "provenance.revision"),
    ]
    for batch in records.batches(FusedCaption, columns):
        ids.append(batch.column("clip_id"))
        split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(batch.column("text")))
        words.append(pc.list_value_length(split).to_numpy(zero_copy_only=False).astype(np.float64))
        num_claims = pc.list_value_length(batch.column("claims"))
        claims.append(num_claims.to_numpy(zero_copy_only=False).astype(np.float64))
        cited = pc.list_value_length(pc.struct_field(pc.list_flatten(batch.column("claims")), "lines"))
        uncited += int(pc.sum(pc.equal(cited, 0)).as_py() or 0)
        dropped += int(pc.sum(pc.list_value_length(batch.column("dropped"))).as_py() or 0)
        wordings.update(batch.column("wording").to_pylist())
        models.update(_models(batch, pa.array(["fusion"] * batch.num_rows, pa.string())))
    return FusionCounts(
        clips=_num_distinct(ids),
        words=np.concatenate(words),
        claims=np.concatenate(claims),
        uncited_claims=uncited,
        dropped_claims=dropped,
        wordings=wordings,
        models=models,
    )


def count_packed(records: RunRecords) -> PackingCounts:
    """Samples, shards and the dataset they make up."""
    durations = list(_floats(records.batches(Sample, ["duration_s"]), "duration_s"))
    sizes = list(_floats(records.batches(ShardFile, ["size_bytes"]), "size_bytes"))
    versions = [
        version
        for batch in records.batches(DatasetManifest, ["version"])
        for version in batch.column("version").to_pylist()
    ]
    return PackingCounts(
        samples=len(durations),
        seconds=math.fsum(durations),
        shards=len(sizes),
        size_bytes=int(sum(sizes)),
        dataset=min(versions, default=None),
    )


def is_embedded(model: str) -> bool:
    """Whether a model is one of those that come with Cliploom."""
    return model.lower().startswith(EMBEDDED)


def motion_levels() -> dict[str, str]:
    """How the measured captioner words the amount of motion, and what the page calls it, from none
    to much."""
    from captioning.video.activity import LEVELS, STILL

    levels = {STILL: "none"}
    for (threshold, said), name in zip(reversed(LEVELS), ("little", "moderate", "much"), strict=True):
        levels[said] = f"{name} (from {threshold * 100:g} %)"
    return levels


def _motion(texts: Any) -> Counter[str]:
    found: Counter[str] = Counter()
    for said, name in motion_levels().items():
        found[name] = int(pc.sum(pc.match_substring(texts, said)).as_py() or 0)
    return found


def _models(batch: pa.RecordBatch, roles: Any) -> Counter[tuple[str, str, str]]:
    table = pa.table(
        [roles, batch.column("provenance.model"), batch.column("provenance.revision")], ["r", "m", "v"]
    )
    counted = table.group_by(["r", "m", "v"]).aggregate([([], "count_all")])
    return Counter({(row["r"], row["m"], row["v"]): row["count_all"] for row in counted.to_pylist()})


def _num_distinct(ids: list[Any]) -> int:
    if not ids:
        return 0
    return int(pc.count_distinct(pa.chunked_array(ids)).as_py())


def _floats(batches: Iterable[pa.RecordBatch], column: str) -> Iterator[float]:
    for batch in batches:
        yield from batch.column(column).to_pylist()

"""Every clip with its source and captions, joined in Arrow and handed out a batch at a time.

Tables of a snapshot are sorted by record id, hence by clip, so that a join is a walk along them and
only one batch of rows exists as Python objects at any time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.stages import Snapshot
from shards.writing.metadata import Metadata, Row, build

BATCH_ROWS = 1024
TIME_DECIMALS = 6
CAPTION_INPUTS = ("captions_video", "captions_audio", "captions_speech")
_CLIP_COLUMNS = (
    "clip_id",
    "video_id",
    "stream",
    "start_pts",
    "end_pts",
    "time_base",
    "start_s",
    "end_s",
    "duration_s",
    "num_frames",
    "fps",
    "width_px",
    "height_px",
    "frame_times_s",
    "keyframes",
    "video",
    "audio",
    "other_forms",
    "scores",
)


@dataclass(frozen=True)
class Candidate:
    """A clip and what is known of it; `number` is its place in the order of clip ids."""

    number: int
    clip: Row
    source: Row
    captions: dict[str, Row]
    fused: list[Row]
    gate: Row | None

    def metadata(self) -> Metadata:
        """The `.json` member of the sample that it would make."""
        return build(self.clip, self.source, self.captions, self.fused, self.gate)


class Candidates:
    """All clips of a snapshot in the order of their ids."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._clips = snapshot.table("clips").select(_CLIP_COLUMNS)
        self._captions = [_PerClip(snapshot.table(name), self.clip_ids) for name in CAPTION_INPUTS]
        self._fused = _PerClip(snapshot.table("fused"), self.clip_ids)
        self._gates = _PerClip(snapshot.table("gates"), self.clip_ids)
        sources = snapshot.table("sources").select(["video_id", "duration_s", "licence", "title"])
        self._sources = {row["video_id"]: row for row in sources.to_pylist()}

    def __len__(self) -> int:
        return int(self._clips.num_rows)

    @property
    def clip_ids(self) -> pa.ChunkedArray:
        """Ids of the clips."""
        return self._clips["clip_id"]

    @property
    def video_ids(self) -> pa.ChunkedArray:
        """Ids of their sources."""
        return self._clips["video_id"]

    def __iter__(self) -> Iterator[Candidate]:
        for start in range(0, len(self), BATCH_ROWS):
            clips = _round_times(self._clips.slice(start, BATCH_ROWS)).to_pylist()
            captions = [table.rows(start, len(clips)) for table in self._captions]
            fused = self._fused.rows(start, len(clips))
            gates = self._gates.rows(start, len(clips))
            for offset, clip in enumerate(clips):
                yield Candidate(
                    number=start + offset,
                    clip=clip,
                    source=self._sources[clip["video_id"]],
                    captions={row["modality"]: row for table in captions for row in table[offset]},
                    fused=[row for row in fused[offset] if row["text"].strip()],
                    gate=gates[offset][0] if gates[offset] else None,
                )


def _round_times(clips: pa.Table) -> pa.Table:
    """Frame times to the microsecond, so that texts are short; in Arrow, since there are very many."""
    name = "frame_times_s"
    times = clips[name].combine_chunks()
    rounded = pc.round(times.flatten(), TIME_DECIMALS)
    lengths = pc.list_value_length(times).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    field = clips.schema.field(name)
    lists = pa.ListArray.from_arrays(offsets, rounded).cast(field.type)
    return clips.set_column(clips.column_names.index(name), field, lists)


class _PerClip:
    """A table of records of clips, cut along an ordered list of clips."""

    def __init__(self, table: pa.Table, clip_ids: pa.ChunkedArray) -> None:
        clips = pc.index_in(table["clip_id"], value_set=clip_ids)
        known = clips.is_valid()
        self._table = table.filter(known)
        numbers = np.asarray(clips.filter(known), dtype=np.int64)
        assert bool(np.all(np.diff(numbers) >= 0)), "snapshot tables are sorted by record id"
        self._starts = np.searchsorted(numbers, np.arange(len(clip_ids) + 1))

    def rows(self, first: int, count: int) -> list[list[dict[str, Any]]]:
        """The rows of `count` clips from the clip number `first`, by clip."""
        starts = self._starts[first : first + count + 1]
        rows = self._table.slice(starts[0], starts[-1] - starts[0]).to_pylist()
        return [rows[a - starts[0] : b - starts[0]] for a, b in itertools.pairwise(starts)]

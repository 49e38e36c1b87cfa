"""Clips in the order in which they may stand for others, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.stages import Snapshot
from curation.dedup.components import Numbers
from curation.records import DuplicateOf


class Ranking:
    """All clips by rank, and which clip stands for each.

    First come clips that stood for others before, so that what was decided stays; then the oldest, by when
    their source was discovered; then the smallest clip id.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._ids: pa.ChunkedArray = snapshot.table("clips").column("clip_id")
        previous = snapshot.previous()
        stood = pa.array([], pa.string()) if previous is None else previous.column("duplicate_of").unique()
        others = ~np.asarray(pc.is_in(self._ids, value_set=stood), dtype=np.bool_)
        # A table is sorted by clip id, and lexsort keeps that order among equals.
        self._place_of: Numbers = np.lexsort((np.asarray(snapshot.arrival("clips")), others))
        self._rank_of = np.empty_like(self._place_of)
        self._rank_of[self._place_of] = np.arange(len(self._place_of))
        self._stands_for: Numbers = np.arange(len(self._place_of))
        self._kind = np.zeros(len(self._place_of), np.dtype("U8"))

    def sources(self, ranks: Numbers, clips: pa.Table) -> Numbers:
        """A number for the source of each clip, given by rank; `clips` is the table that was ranked."""
        codes = clips.column("video_id").combine_chunks().dictionary_encode().indices
        return np.asarray(codes, dtype=np.int64)[self._place_of[ranks]]

    def settle_copies(self, sha256: pa.ChunkedArray) -> None:
        """The first of those with the same hash stands for the others; hashes are in order of clip id."""
        codes = sha256.combine_chunks().dictionary_encode().indices
        by_rank = np.asarray(codes, dtype=np.int64)[self._place_of]
        first = np.empty(len(by_rank), np.int64)
        # Of several values for one place the last is kept: the smallest rank.
        first[by_rank[::-1]] = np.arange(len(by_rank))[::-1]
        self.settle("exact", np.arange(len(by_rank)), first[by_rank])

    def settle(self, kind: str, heads: Numbers, stands_for: Numbers) -> None:
        """Some clips that stand for themselves turn out to be like others: `stands_for[i]` is the place in
        `heads` of what stands for `heads[i]` and, from now on, for all that this one stood for."""
        now = np.arange(len(self._stands_for))
        now[heads] = heads[stands_for]
        after = now[self._stands_for]
        self._kind[after != self._stands_for] = kind
        self._stands_for = after

    def rows_of(self, table: pa.Table) -> tuple[Numbers, Numbers]:
        """The ranks of clips that stand for themselves and have a row in a table by clip id, in order of
        rank, and the numbers of those rows."""
        ids = table.column("clip_id")
        rows, ranks = np.arange(len(ids)), self._rank_of
        if not ids.equals(self._ids):
            places = pc.index_in(ids, value_set=self._ids)
            rows = np.flatnonzero(np.asarray(places.is_valid(), dtype=np.bool_))
            ranks = self._rank_of[np.asarray(places.drop_null(), dtype=np.int64)]
        row_of = np.full(len(self._stands_for), -1)
        row_of[ranks] = rows
        heads = np.flatnonzero((row_of >= 0) & (self._stands_for == np.arange(len(row_of))))
        return heads, row_of[heads]

    def duplicates(self) -> Iterator[DuplicateOf]:
        """The clips that another stands for, by clip id."""
        standing = self._stands_for[self._rank_of]
        places = np.flatnonzero(standing != self._rank_of)
        clips = self._ids.take(pa.array(places)).to_pylist()
        named = self._ids.take(pa.array(self._place_of[standing[places]])).to_pylist()
        kinds = self._kind[self._rank_of[places]].tolist()
        for clip_id, duplicate_of, kind in zip(clips, named, kinds, strict=True):
            yield DuplicateOf(clip_id=clip_id, duplicate_of=duplicate_of, kind=kind)

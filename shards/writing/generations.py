"""Generations: sets of samples that are packed once, named by what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.base.records import arrow_schema
from shards.format import canonical_json
from shards.records import Sample
from shards.writing.facts import Facts

GENERATION_HEX = 12


def generation_name(
    sample_ids: NDArray[np.bytes_], splits: NDArray[np.bytes_], packing: Mapping[str, Any]
) -> str:
    """Hash of the set of a generation's samples, of their splits and of how they are packed."""
    digest = hashlib.sha256(canonical_json(packing).encode())
    for line in np.sort(np.strings.add(np.strings.add(splits, b" "), sample_ids)).tolist():
        digest.update(line + b"\n")
    return digest.hexdigest()[:GENERATION_HEX]


class PreviousGenerations:
    """The generations of the last selection, and which of them can stay as they are.

    One can when each of its samples is wanted now with the same facts, and the present way of packing
    would give it the same name.
    """

    def __init__(
        self, previous: pa.Table | None, clip_ids: pa.ChunkedArray, facts: Facts, packing: Mapping[str, Any]
    ) -> None:
        self._table = arrow_schema(Sample).empty_table() if previous is None else previous
        found = pc.fill_null(pc.index_in(self._table["clip_id"], value_set=clip_ids), -1)
        self._clips = np.asarray(found, dtype=np.int64)
        self._splits = _bytes(self._table["split"])
        names, generations = np.unique(_bytes(self._table["generation"]), return_inverse=True)
        by_generation = [np.flatnonzero(generations == number) for number in range(len(names))]
        same = self._clips >= 0
        same[same] = facts.facts_digest[self._clips[same]] == _bytes(self._table["facts_digest"])[same]
        sample_ids = _bytes(self._table["sample_id"])
        self._staying = [
            rows
            for name, rows in zip(names, by_generation, strict=True)
            if same[rows].all()
            and generation_name(sample_ids[rows], self._splits[rows], packing) == name.decode()
        ]

    def settled(self, cluster_of_clip: NDArray[np.int64]) -> set[tuple[int, str]]:
        """The (cluster, split) pairs of the generations that can stay."""
        return {
            (cluster, split.decode())
            for rows in self._staying
            for cluster, split in zip(
                cluster_of_clip[self._clips[rows]].tolist(), self._splits[rows].tolist(), strict=True
            )
        }

    def kept_rows(self, split_of_clip: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """By number of the clip: the row of the last selection that stays, -1 for none. A generation
        is let go after all when a sample of it now belongs to another split."""
        kept = np.full(len(split_of_clip), -1, np.int64)
        for rows in self._staying:
            if (split_of_clip[self._clips[rows]] == self._splits[rows]).all():
                kept[self._clips[rows]] = rows
        return kept

    def row(self, row: int) -> dict[str, Any]:
        """A row of the last selection."""
        values: dict[str, Any] = self._table.slice(row, 1).to_pylist()[0]
        return values


def _bytes(column: pa.ChunkedArray) -> NDArray[np.bytes_]:
    values = column.to_pylist()
    return np.asarray(values, dtype=np.bytes_) if values else np.empty(0, "S1")

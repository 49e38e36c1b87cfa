"""Splits that neither a source nor a near-duplicate crosses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shards.writing.hashing import hash64


class Clusters:
    """Clips by cluster: sources are one cluster when clips of theirs are duplicates of each other.

    `of_clip` holds, by number of the clip, the number of the cluster's root: its smallest video id.
    """

    def __init__(self, clip_ids: pa.ChunkedArray, video_ids: pa.ChunkedArray, duplicates: pa.Table) -> None:
        self._names = pc.unique(video_ids).sort()
        sources = np.asarray(pc.index_in(video_ids, value_set=self._names), dtype=np.int64)
        links = pa.table(
            [pc.index_in(duplicates[name], value_set=clip_ids) for name in ("clip_id", "duplicate_of")],
            names=["a", "b"],
        ).drop_null()
        union = _Union(len(self._names))
        for a, b in zip(sources[np.asarray(links["a"])], sources[np.asarray(links["b"])], strict=True):
            union.unite(int(a), int(b))
        roots = np.fromiter((union.root(n) for n in range(len(self._names))), np.int64, len(self._names))
        self.of_clip: NDArray[np.int64] = roots[sources]

    def splits(
        self, fractions: Mapping[str, float], seed: int, settled: Iterable[tuple[int, str]]
    ) -> dict[int, str]:
        """The split of every cluster.

        `settled` are (cluster, split) pairs that were written before: a cluster with one such split
        keeps it; where two clusters have become one since, and for all others, the root's hash decides.
        """
        before = defaultdict(set)
        for cluster, split in settled:
            before[cluster].add(split)
        return {
            root: before[root].pop()
            if len(before[root]) == 1
            else _split_of(self._names[root].as_py(), fractions, seed)
            for root in np.unique(self.of_clip).tolist()
        }


class _Union:
    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def unite(self, a: int, b: int) -> None:
        a, b = self.root(a), self.root(b)
        self._parent[max(a, b)] = min(a, b)

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number


def _split_of(root_id: str, fractions: Mapping[str, float], seed: int) -> str:
    point = hash64("split", seed, root_id) / 2**64
    border = 0.0
    used = [name for name in sorted(fractions) if fractions[name]]
    for name in used:
        border += fractions[name]
        if point < border:
            return name
    return used[-1]

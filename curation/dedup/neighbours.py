"""Pairs of unit vectors that are close: all of them for few vectors, nearly all for many."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curation.dedup.components import Numbers

EXACT_BELOW = 50_000
"""Vectors up to which comparing all with all costs less than a minute on a core."""
_ROWS, _COLUMNS = 1024, 4096


class Neighbours(ABC):
    """A way to find close pairs. Vectors [N, D] have length 1; `threshold` is a cosine similarity."""

    @abstractmethod
    def pairs(self, vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[Numbers, Numbers]]:
        """Arrays of pairs (a[i] < b[i]) at least that similar.

        Not each pair, since 10^5 copies have 5 * 10^9: each vector with the first of every few thousand.
        """


class AllPairs(Neighbours):
    """Compares all with all, a tile at a time."""

    def pairs(self, vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[Numbers, Numbers]]:
        """Of each tile, each vector with the first that is close."""
        for row in range(0, len(vectors), _ROWS):
            rows = vectors[row : row + _ROWS]
            for column in range(0, row + len(rows), _COLUMNS):
                columns = vectors[column : column + _COLUMNS]
                close = rows @ columns.T >= threshold
                close &= _before(row, len(rows), column, len(columns))
                first = close.argmax(axis=1)
                found = np.flatnonzero(close[np.arange(len(rows)), first])
                yield first[found] + column, found + row


class Clustered(Neighbours):
    """Compares within clusters only, as SemDeDup does (arXiv 2303.09540, section 3).

    Centres come from k-means on a sample with a fixed seed. A vector is compared with those of its nearest
    centre and of the second nearest, so that few close pairs are lost where clusters meet.
    """

    def __init__(self, cluster_size: int = 2000, seed: int = 0) -> None:
        self._cluster_size = cluster_size
        self._seed = seed

    def pairs(self, vectors: NDArray[np.float32], threshold: float) -> Iterator[tuple[Numbers, Numbers]]:
        """Of each cluster, each vector with the first of each tile that is close."""
        centres = self._centres(vectors)
        nearest = _two_nearest(vectors, centres)
        members = np.argsort(nearest.T.ravel(), kind="stable") % len(vectors)
        ends = np.cumsum(np.bincount(nearest.ravel(), minlength=len(centres)))
        for cluster in np.split(members, ends[:-1]):
            numbers = np.sort(cluster)
            for a, b in AllPairs().pairs(vectors[numbers], threshold):
                yield numbers[a], numbers[b]

    def _centres(self, vectors: NDArray[np.float32], rounds: int = 5) -> NDArray[np.float32]:
        random = np.random.default_rng(self._seed)
        count = max(2, len(vectors) // self._cluster_size)
        sample = vectors[random.choice(len(vectors), min(len(vectors), 64 * count), replace=False)]
        centres = sample[:count]
        for _ in range(rounds):
            nearest = _two_nearest(sample, centres)[:, 0]
            order = np.argsort(nearest, kind="stable")
            used, starts = np.unique(nearest[order], return_index=True)
            sums = np.add.reduceat(sample[order], starts)
            centres = centres.copy()
            centres[used] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return centres


def neighbours(count: int) -> Neighbours:
    """The way for so many vectors."""
    return AllPairs() if count <= EXACT_BELOW else Clustered()


def _before(row: int, rows: int, column: int, columns: int) -> NDArray[np.bool_]:
    """Which places of a tile lie below the diagonal of the whole."""
    return np.asarray(np.arange(row, row + rows)[:, None] > np.arange(column, column + columns)[None, :])


def _two_nearest(vectors: NDArray[np.float32], centres: NDArray[np.float32]) -> Numbers:
    """The nearest centre of each vector, and the second nearest [N, 2]."""
    found = np.empty((len(vectors), 2), np.int64)
    for start in range(0, len(vectors), _ROWS):
        similar = vectors[start : start + _ROWS] @ centres.T
        rows = np.arange(len(similar))
        found[start : start + _ROWS, 0] = best = similar.argmax(axis=1)
        similar[rows, best] = -2
        found[start : start + _ROWS, 1] = similar.argmax(axis=1)
    return found

"""Clips that show the same, by their embeddings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.components import Components, Numbers
from curation.dedup.neighbours import neighbours
from curation.dedup.standing import stands_for
from curation.embedding.base import unit

_PAIRS_AT_ONCE = 1 << 12


def semantic_duplicates(
    vectors: NDArray[np.float32], min_similarity: float, sources: Numbers | None = None
) -> Numbers:
    """For each unit vector [N, D], by rank, the one that stands for it; none of its own source, where the
    numbers of the sources are given."""

    def alike(a: Numbers, b: Numbers) -> NDArray[np.bool_]:
        similarity = np.empty(len(a), np.float32)
        for start in range(0, len(a), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            similarity[part] = np.einsum("nd,nd->n", vectors[a[part]], vectors[b[part]])
        like = similarity.round(4) >= min_similarity
        return np.asarray(like if sources is None else like & (sources[a] != sources[b]))

    components = Components(len(vectors))
    for a, b in neighbours(len(vectors)).pairs(vectors, min_similarity):
        components.join(a, b)
    return stands_for(components.roots(), alike)


def read_embeddings(table: pa.Table, rows: Numbers) -> NDArray[np.float32]:
    """The vectors of some rows of a table of `ClipEmbedding`."""
    values = b"".join(table.column("vector").take(pa.array(rows)).to_pylist())
    return unit(np.frombuffer(values, "<f2").astype(np.float32).reshape(len(rows), -1 if len(rows) else 1))

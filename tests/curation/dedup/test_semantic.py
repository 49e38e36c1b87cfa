"""Semantic duplicates: close embeddings are found, exactly or nearly all, and copies cost no more."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from curation.base.media_store import MediaRef
from curation.base.records import to_arrow
from curation.base.workspace import Workspace
from curation.dedup.config import DedupConfig, ExactDedupConfig, NearDedupConfig, SemanticDedupConfig
from curation.dedup.neighbours import AllPairs, Clustered, Neighbours, neighbours
from curation.dedup.semantic import read_embeddings, semantic_duplicates
from curation.dedup.stage import ExactDedup, NearDedup, SemanticDedup, dedup
from curation.embedding.base import unit
from curation.embedding.records import ClipEmbedding
from curation.fingerprint.records import Fingerprint
from curation.records import Clip, DuplicateOf
from tests.curation.dedup.clips import a_clip
from tests.curation.dedup.tables import Tables


def vectors(count: int, dimensions: int = 64, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, dimensions)))


def near(base: np.ndarray, noise: float, seed: int = 1) -> np.ndarray:
    return unit(base + noise * vectors(len(base), base.shape[1], seed))


def pairs(way: Neighbours, found: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    arrays = list(way.pairs(found, threshold))
    assert all((a < b).all() for a, b in arrays)
    return {pair for a, b in arrays for pair in zip(a.tolist(), b.tolist(), strict=True)}


def test_all_pairs_are_those_that_are_close() -> None:
    base = vectors(3000)
    both = np.concatenate([base, near(base[:500], 0.2)])
    assert pairs(AllPairs(), both, 0.95) == {(number, 3000 + number) for number in range(500)}
    assert pairs(AllPairs(), both[:0], 0.95) == set()
    assert pairs(AllPairs(), both[:1], 0.95) == set()


def test_clusters_lose_few_pairs_and_invent_none() -> None:
    base = vectors(8000)
    both = np.concatenate([base, near(base[:2000], 0.2)])
    found = pairs(Clustered(cluster_size=500), both, 0.95)
    expected = {(number, 8000 + number) for number in range(2000)}
    assert found <= expected
    assert len(found) > 0.95 * len(expected)


def test_copies_give_pairs_in_proportion() -> None:
    same = np.repeat(vectors(1), 6000, axis=0)
    assert len(pairs(AllPairs(), same, 0.95)) < 3 * 6000
    assert len(pairs(Clustered(cluster_size=1000), same, 0.95)) < 3 * 6000


def test_the_way_depends_on_the_number() -> None:
    assert isinstance(neighbours(50_000), AllPairs)
    assert isinstance(neighbours(50_001), Clustered)


def test_fifty_thousand_vectors_take_seconds() -> None:
    base = vectors(50_000, 32)
    both = np.concatenate([base, near(base[:1000], 0.1)])
    started = time.process_time()
    standing = semantic_duplicates(both, 0.98)
    assert time.process_time() - started < 30
    expected = np.arange(51_000)
    expected[50_000:] = np.arange(1000)
    assert (standing == expected)[50_000:].mean() > 0.95
    assert (standing == expected)[:50_000].all()


def test_the_first_stands_for_those_close_to_it() -> None:
    circle = np.deg2rad([0, 10, 20, 90])
    found = semantic_duplicates(np.stack([np.cos(circle), np.sin(circle)], 1).astype(np.float32), 0.97)
    assert found.tolist() == [0, 0, 2, 3]


def _tables() -> Tables:
    """a and b are one file; c looks like a; d shows the same as c, e as nothing."""
    refs = [MediaRef(form="mp4", sha256=one, size_bytes=1, path="p", offset=0) for one in "11234"]
    hashes = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, (3, 8))
    shown = vectors(3)
    return Tables(
        clips=to_arrow(Clip, [a_clip(name, video=ref) for name, ref in zip("abcde", refs, strict=True)]),
        fingerprints=to_arrow(
            Fingerprint,
            [
                Fingerprint(clip_id=name, hashes=tuple(hashes[row].tolist()), duration_s=1.0, flat=False)
                for name, row in zip("abcde", (0, 0, 0, 1, 2), strict=True)
            ],
        ),
        embeddings=to_arrow(
            ClipEmbedding,
            [
                ClipEmbedding(clip_id=name, vector=shown[row].astype("<f2").tobytes())
                for name, row in zip("abcde", (0, 0, 0, 0, 1), strict=True)
            ],
        ),
    )


def _run(config: Any, workspace: Workspace, tables: Tables) -> dict[str, tuple[str, str]]:
    items = [item for item in dedup(config, workspace)(tables) if isinstance(item, DuplicateOf)]
    return {item.clip_id: (item.duplicate_of, item.kind) for item in items}


def test_each_kind_includes_the_ones_before(workspace: Workspace) -> None:
    exact = {"b": ("a", "exact")}
    looks = exact | {"c": ("a", "near")}
    assert _run(ExactDedupConfig(), workspace, _tables()) == exact
    assert _run(NearDedupConfig(), workspace, _tables()) == looks
    assert _run(SemanticDedupConfig(), workspace, _tables()) == looks | {"d": ("a", "semantic")}


def test_no_clips_have_no_duplicates(workspace: Workspace) -> None:
    tables = _tables()
    empty = {name: tables.table(name).slice(0, 0) for name in ("clips", "fingerprints", "embeddings")}
    assert _run(SemanticDedupConfig(), workspace, Tables(**empty)) == {}
    clips_only = {**empty, "clips": tables.table("clips")}
    assert _run(SemanticDedupConfig(), workspace, Tables(**clips_only)) == {"b": ("a", "exact")}


def test_the_kind_chooses_stage_and_inputs(workspace: Workspace) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(DedupConfig)
    stages = [
        dedup(adapter.validate_python({"kind": kind}), workspace) for kind in ("exact", "near", "semantic")
    ]
    assert [type(stage) for stage in stages] == [ExactDedup, NearDedup, SemanticDedup]
    assert [list(stage.inputs) for stage in stages] == [
        ["clips"],
        ["clips", "fingerprints"],
        ["clips", "fingerprints", "embeddings"],
    ]
    assert len({stage.key() for stage in stages}) == 3
    with pytest.raises(ValidationError, match="max_distance_bits"):
        adapter.validate_python({"kind": "near", "max_distance_bits": 13})
    with pytest.raises(ValidationError, match="Extra inputs"):
        adapter.validate_python({"kind": "exact", "max_distance_bits": 3})


def test_vectors_come_back_from_a_table_of_several_chunks() -> None:
    table = pa.concat_tables([_tables().table("embeddings")] * 2)
    assert np.allclose(read_embeddings(table, np.array([8, 4])), vectors(3)[[0, 1]], atol=1e-3)

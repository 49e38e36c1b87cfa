"""Indexes as columns, and how many of them are kept."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shards.format import INDEX_SCHEMA
from shards.reading.errors import ShardError
from shards.reading.index import Entry, Index, IndexCache, Member
from shards.reading.manifest import Shard, open_shards


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def write(folder: Path, name: str, keys: list[str]) -> Shard:
    rows = [
        {
            "key": key,
            "duration_s": row + 0.5,
            "caption_chars": row,
            "sha256": digest(key),
            "members": [
                {"extension": each, "offset": 1000 * row + n, "size": n, "sha256": digest(key, each)}
                for n, each in enumerate(("flac", "json", "mp4")[row % 3 :])
            ],
        }
        for row, key in enumerate(keys)
    ]
    table = pa.Table.from_pylist(rows, schema=INDEX_SCHEMA)
    # Several row groups, so that columns come in pieces.
    pq.write_table(table, folder / f"{name}.index.parquet", row_group_size=2)
    (folder / f"{name}.tar").write_bytes(b"")
    return open_shards(str(folder / f"{name}.tar")).shards[0]


def test_rows_are_those_that_were_written(tmp_path: Path) -> None:
    keys = ["a", "ordner/b c", "日本", "d.d/e", "f"]
    shard = write(tmp_path, "a", keys)
    index = Index(shard, shard.read_index())
    assert len(index) == 5
    for row, key in enumerate(keys):
        members = tuple(
            Member(each, 1000 * row + n, n, digest(key, each))
            for n, each in enumerate(("flac", "json", "mp4")[row % 3 :])
        )
        assert index[row] == Entry(row, key, row + 0.5, row, digest(key), members)
    for row in (-1, 5):
        with pytest.raises(IndexError):
            index[row]


def test_an_index_without_samples(tmp_path: Path) -> None:
    shard = write(tmp_path, "a", [])
    assert len(Index(shard, shard.read_index())) == 0


def test_digests_that_are_none_are_refused(tmp_path: Path) -> None:
    for wrong in ("00", "x" * 64):
        row = {"key": "a", "duration_s": 1.0, "caption_chars": 1, "sha256": wrong, "members": []}
        pq.write_table(pa.Table.from_pylist([row], schema=INDEX_SCHEMA), tmp_path / "a.index.parquet")
        shard = open_shards(str(tmp_path / "a.tar")).shards[0]
        with pytest.raises(ShardError, match="sha256"):
            Index(shard, shard.read_index())


def test_indexes_are_kept_within_a_limit_and_while_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = [write(tmp_path, str(number), ["k"] * 100) for number in range(10)]
    size = Index(shards[0], shards[0].read_index()).size_bytes
    loads: list[str] = []

    def get(cache: IndexCache, shard: Shard) -> None:
        def load() -> Index:
            loads.append(shard.path)
            return Index(shard, shard.read_index())

        cache.get(shard, load)

    cache = IndexCache(max_bytes=4 * size)
    for shard in [*shards, *shards[-4:]]:
        get(cache, shard)
    assert len(loads) == 10
    get(cache, shards[0])
    assert len(loads) == 11
    monkeypatch.setattr("shards.reading.index.IDLE_GETS", 5)
    loads.clear()
    cache = IndexCache()
    for shard in [shards[0], *[shards[1]] * 10, shards[2], shards[0]]:
        get(cache, shard)
    assert loads == ["0.tar", "1.tar", "2.tar", "0.tar"]


def test_threads_that_want_the_same_index_wait_for_one_load(tmp_path: Path) -> None:
    shard, cache = write(tmp_path, "a", ["k"]), IndexCache()
    loads: list[int] = []
    together = threading.Barrier(4)

    def load() -> Index:
        loads.append(1)
        time.sleep(0.3)
        if len(loads) == 1:
            raise OSError("gone")
        return Index(shard, shard.read_index())

    def want(found: list[Index | str]) -> None:
        together.wait()
        try:
            found.append(cache.get(shard, load))
        except OSError as error:
            found.append(str(error))

    def all_want() -> list[Index | str]:
        found: list[Index | str] = []
        threads = [threading.Thread(target=want, args=(found,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    assert all_want() == ["gone"] * 4
    found = all_want()
    assert isinstance(found[0], Index)
    assert found == [found[0]] * 4
    assert len(loads) == 2

"""Packing media that lie elsewhere: through a scratch file, to the same bytes as from a disk."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from curation.base.stages import Retry
from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.records import ShardFile
from shards.writing import gathering
from shards.writing.gathering import Piece, gather
from shards.writing.select import SelectConfig
from tests.s3 import s3_server
from tests.shards.dataset import Records, make_records, pack, select
from tests.shards.http_server import Behaviour, http_server


def packed(workspace: Workspace) -> list[ShardFile]:
    samples, _ = select(workspace, make_records(workspace, 4, 3))
    return pack(workspace, samples)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Workspace:
    fsspec.filesystem("memory").store.clear()
    return Workspace.open("memory://run", str(tmp_path / "scratch"))


def test_the_same_shards_from_a_disk_and_from_elsewhere(workspace: Workspace, elsewhere: Workspace) -> None:
    here, there = packed(workspace), packed(elsewhere)
    assert [file.sha256 for file in here] == [file.sha256 for file in there]
    assert [file.index_sha256 for file in here] == [file.index_sha256 for file in there]
    for file in there:
        path = f"shards/{file.path}"
        assert elsewhere.storage.read_bytes(path) == workspace.storage.read_bytes(path)


@pytest.mark.parametrize("place", ["disk", "elsewhere"])
def test_media_that_changed_are_not_packed(place: str, workspace: Workspace, elsewhere: Workspace) -> None:
    there = replace(workspace, media=elsewhere.media) if place == "elsewhere" else workspace
    samples, _ = select(there, make_records(there, 4, 3))
    storage = there.media.storage
    (media,) = storage.list("media")
    data = bytearray(storage.read_bytes(media))
    data[samples[5].members[0].media.offset + 100] ^= 1
    storage.write_bytes(media, bytes(data))
    with pytest.raises(Retry, match="sha256 of"):
        pack(there, samples)
    assert workspace.storage.list("shards") == []


def test_media_on_s3_are_asked_for_by_tar_not_by_member(workspace: Workspace, tmp_path: Path) -> None:
    with s3_server("packing") as bucket:
        there = Workspace.open(f"{bucket}/run", str(tmp_path / "scratch"))
        shards, requests = [], 0
        for place in (workspace, there):
            parts = [make_records(place, 4, 3, first_video=10 * tar) for tar in range(3)]
            records = Records(
                *([one for part in parts for one in getattr(part, name)] for name in vars(parts[0]))
            )
            samples, _ = select(place, records, SelectConfig(samples_per_shard=18))
            if place is workspace:
                shards.append(pack(place, samples))
                continue
            behaviour = Behaviour(upstream=os.environ["AWS_ENDPOINT_URL_S3"])
            with http_server(behaviour) as proxy, pytest.MonkeyPatch.context() as patch:
                patch.setenv("AWS_ENDPOINT_URL_S3", proxy)
                shards.append(pack(Workspace.open(place.storage.url, str(tmp_path / "scratch")), samples))
            requests = sum(each.method == "GET" and "/media/" in each.path for each in behaviour.log)
    assert [(file.sha256, file.index_sha256) for file in shards[0]] == [
        (file.sha256, file.index_sha256) for file in shards[1]
    ]
    members = sum(len(sample.members) for sample in samples)
    assert (len(shards[1]), members) == (2, 60)
    assert 0 < requests <= 2 * 3


@pytest.mark.parametrize(("gap", "stretch"), [(0, 1), (0, 1000), (64, 200), (1 << 20, 1 << 24)])
def test_pieces_come_whole_however_they_are_joined(
    gap: int, stretch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "GAP_BYTES", gap)
    monkeypatch.setattr(gathering, "STRETCH_BYTES", stretch)
    chance = random.Random(gap + stretch)
    storage, other = Storage(str(tmp_path / "a")), Storage(str(tmp_path / "b"))
    contents = {(one, name): chance.randbytes(3000) for one in (storage, other) for name in ("x", "y")}
    for (one, name), data in contents.items():
        one.write_bytes(name, data)
    pieces = [
        Piece(*place, chance.randrange(2900), chance.randrange(100), number)
        for number, place in enumerate(chance.choices(list(contents), k=60))
    ]
    pieces.append(Piece(storage, "x", 2950, 100, 60))
    pieces.append(Piece(storage, "x", 5000, 100, 61))
    found: dict[int, bytes] = {}
    with ThreadPoolExecutor(4) as pool:
        gather(pieces, lambda piece, data: found.update({piece.what: data}), pool)
    assert found == {
        each.what: contents[each.storage, each.path][each.offset : each.offset + each.size] for each in pieces
    }
    assert (len(found[60]), len(found[61])) == (50, 0)


def test_stretches_and_threads_bound_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "STRETCH_BYTES", 1000)
    storage = Storage(str(tmp_path))
    storage.write_bytes("x", bytes(100_000))
    sizes: list[int] = []
    read = Storage.read_range

    def counted(self: Storage, path: str, offset: int, size: int) -> bytes:
        sizes.append(size)
        return read(self, path, offset, size)

    monkeypatch.setattr(Storage, "read_range", counted)
    threads: set[int] = set()
    with ThreadPoolExecutor(3) as pool:
        pieces = [Piece(storage, "x", 100 * number, 100, None) for number in range(1000)]
        gather(pieces, lambda *_: threads.add(threading.get_ident()), pool)
    assert sizes == [1000] * 100
    assert len(threads) <= 3


def test_a_fault_ends_the_reading_before_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "STRETCH_BYTES", 1)
    storage = Storage(str(tmp_path))
    storage.write_bytes("x", bytes(1000))
    running: list[int] = []

    def take(piece: Piece[int], data: bytes) -> None:
        running.append(piece.what)
        if piece.what == 3:
            raise OSError("the disk is full")

    with ThreadPoolExecutor(2) as pool:
        with pytest.raises(OSError, match="disk is full"):
            gather([Piece(storage, "x", n, 1, n) for n in range(500)], take, pool)
        told = len(running)
    assert len(running) == told < 500

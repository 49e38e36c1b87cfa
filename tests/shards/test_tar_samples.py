"""Samples of tars by anyone: hashed as they come, and never more in memory than what is looked into."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from curation.base.storage import Storage
from shards.reading.tar import TarFinding
from shards.reading.tar_samples import TarSample, tar_samples
from shards.reading.tars import open_tars
from shards.reading.verify_sample import Fault
from shards.reading.verify_shard import check_shard
from shards.writing.index_tar import IndexedTar, index_tar
from tests.shards.dataset import encoded

MIB = 1 << 20


def write(path: Path, members: Sequence[tuple[str, bytes]]) -> bytes:
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path.read_bytes()


def walked(data: bytes, keep_bytes: int = 100) -> list[TarSample | TarFinding]:
    return list(tar_samples(io.BytesIO(data), lambda extensions: keep_bytes))


def samples_of(data: bytes, keep_bytes: int = 100) -> list[TarSample]:
    return [each for each in walked(data, keep_bytes) if isinstance(each, TarSample)]


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_each_sample_has_the_hash_of_all_its_bytes(tmp_path: Path) -> None:
    members = [
        ("a.jpg", b"a" * 300), ("a.json", b"{}"), ("b.txt", b"b"), ("b.cls", b"not read"), ("b.mp4", b""),
        ("a.txt", b"again"),
    ]  # fmt: skip
    found = samples_of(write(tmp_path / "a.tar", members))
    assert [sample.key for sample in found] == ["a", "b", "a"]
    wholes = [b"a" * 300 + b"{}", b"b", b"again"]
    assert [sample.sha256 for sample in found] == [hashlib.sha256(whole).hexdigest() for whole in wholes]
    assert [sample.size_bytes for sample in found] == [len(whole) for whole in wholes]
    assert [[member.data for member in sample.members] for sample in found] == [
        [b"", b"{}"], [b"b", b""], [b"again"],
    ]  # fmt: skip


def test_what_the_end_of_a_tar_cuts_off(tmp_path: Path) -> None:
    data = write(tmp_path / "a.tar", [("a.txt", b"A"), ("b.txt", b"B"), ("b.jpg", b"x" * 2000)])
    assert [sample.cut for sample in samples_of(data)] == [False, False]
    assert [(sample.key, sample.cut) for sample in samples_of(data[:3000])] == [("a", False), ("b", True)]
    assert [(sample.key, sample.cut) for sample in samples_of(data[:1200])] == [("a", True)]
    assert [(sample.key, sample.cut) for sample in samples_of(data[:1536])] == [("a", False)]


def test_copies_are_told_of_but_not_held(tmp_path: Path) -> None:
    data = write(tmp_path / "a.tar", [("a.txt", b"%04d" % number) for number in range(500)])
    (sample,) = samples_of(data)
    assert [member.data for member in sample.members] == [b"0000", b""]
    assert sample.size_bytes == 2000
    assert len([each for each in walked(data) if isinstance(each, TarFinding)]) == 499


@pytest.mark.parametrize("probe", [False, True])
def test_indexing_holds_texts_and_what_it_probes(probe: bool, tmp_path: Path) -> None:
    forms = [(f"a.f{number}.mp4", bytes(MIB)) for number in range(24)]
    copies = [("b.mp4", bytes(MIB))] * 24
    write(tmp_path / "a.tar", [*forms, *copies, ("c.mp4", encoded("red")[0])])
    made: list[IndexedTar] = []
    write(tmp_path / "small.tar", [("a.txt", b"A")])
    # What is imported on the way is no part of it.
    index_tar(Storage(str(tmp_path)), "small.tar", probe=probe)
    peak = peak_bytes(lambda: made.append(index_tar(Storage(str(tmp_path)), "a.tar", probe=probe)))
    assert (made[0].num_samples, made[0].duration_s) == (2, 1.0 if probe else 0.0)
    assert peak < 12 * MIB


def test_a_sample_that_is_too_large_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shards.reading.tar_samples.MAX_SAMPLE_BYTES", 2 * MIB)
    large = [(f"a.f{number}.mp4", bytes(MIB)) for number in range(24)]
    write(tmp_path / "a.tar", [*large, ("b.jpg", b"x"), ("b.txt", b"B.")])
    made = []
    assert peak_bytes(lambda: made.append(index_tar(Storage(str(tmp_path)), "a.tar", probe=True))) < 12 * MIB
    assert (made[0].num_samples, made[0].left_out_samples) == (1, {"too large": 1})
    (shard,) = open_tars(str(tmp_path / "a.tar")).shards
    reports = []
    assert peak_bytes(lambda: reports.append(check_shard(shard, True))) < 12 * MIB
    assert reports[0].counts == {Fault.TOO_LARGE: 1, Fault.UNDECODABLE: 1}


def test_verifying_holds_no_copies_and_without_decoding_texts_only(tmp_path: Path) -> None:
    text = json.dumps({"caption": "A."}).encode()
    write(tmp_path / "copies.tar", [("a.json", text), *[("a.jpg", bytes(MIB))] * 24])
    write(tmp_path / "forms.tar", [("a.json", text), *[(f"a.f{n}.mp4", bytes(MIB)) for n in range(24)]])
    for name, decode in (("copies", True), ("forms", False)):
        (shard,) = open_tars(str(tmp_path / f"{name}.tar")).shards
        assert peak_bytes(lambda shard=shard, decode=decode: check_shard(shard, decode)) < 12 * MIB, name

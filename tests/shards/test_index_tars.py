"""Tars that anyone wrote get an index: exact order and resume, and what is left out is counted."""

from __future__ import annotations

import io
import itertools
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shards.reading import ShardError, ShardReader
from shards.writing.index_tars import IndexConfig, index_tars
from tests.shards.dataset import encoded

Files = Sequence[tuple[str, bytes]]


def write(path: Path, files: Files, form: int = tarfile.USTAR_FORMAT) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def pairs(first: int, count: int) -> list[tuple[str, bytes]]:
    texts = [(f"set/{n:06d}", f"Text {n}.".encode()) for n in range(first, first + count)]
    return [each for key, text in texts for each in ((f"{key}.jpg", b"picture" + text), (f"{key}.txt", text))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        write(tmp_path / "set" / f"train-{number}.tar", pairs(10 * number, 10))
    write(tmp_path / "set" / "val-0.tar", pairs(100, 5))
    return tmp_path / "set"


SPLITS = (("val", "val-*"), ("train", "*"))


def keys(reader: ShardReader, count: int) -> list[str]:
    return [sample.key for sample, _ in itertools.islice(reader, count)]


def test_exact_order_and_resume(folder: Path) -> None:
    report = index_tars(str(folder), IndexConfig(splits=SPLITS))
    assert (report.num_tars, report.num_samples, report.num_unchanged) == (5, 45, 0)
    whole = keys(ShardReader(str(folder)), 40)
    assert sorted(whole) == [f"set/{n:06d}" for n in range(40)]
    assert len(keys(ShardReader(str(folder), split="val"), 5)) == 5
    reader = ShardReader(str(folder))
    stream = iter(reader)
    state = None
    for _ in range(17):
        sample, position = next(stream)
        state = reader.state_dict(position)
    assert state is not None
    assert sample.members == {
        "jpg": b"pictureText %d." % int(sample.key[4:]),
        "txt": b"Text %d." % int(sample.key[4:]),
    }
    again = ShardReader(str(folder))
    again.load_state_dict(json.loads(json.dumps(state)))
    assert keys(again, 23) == whole[17:]


def test_again_is_the_same_and_reads_only_what_changed(folder: Path) -> None:
    one = index_tars(str(folder), IndexConfig(workers=3))
    names = [path for path in folder.iterdir() if path.suffix != ".tar"]
    before = {path: path.read_bytes() for path in names if path.is_file()}
    two = index_tars(str(folder), IndexConfig())
    assert (two.version, two.num_unchanged) == (one.version, 5)
    assert before == {path: path.read_bytes() for path in before}
    write(folder / "train-1.tar", pairs(500, 3))
    write(folder / "train-9.tar", pairs(600, 3))
    three = index_tars(str(folder), IndexConfig())
    assert (three.num_unchanged, three.num_samples) == (4, 45 - 10 + 6)
    (folder / "train-9.tar").unlink()
    assert index_tars(str(folder), IndexConfig()).num_samples == 38


def test_a_touched_tar_changes_nothing(folder: Path) -> None:
    one = index_tars(str(folder), IndexConfig())
    os.utime(folder / "val-0.tar", (1, 1))
    two = index_tars(str(folder), IndexConfig())
    assert (two.version, two.num_unchanged) == (one.version, 4)


def test_indexes_elsewhere_for_tars_that_may_only_be_read(folder: Path, tmp_path: Path) -> None:
    tars = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    index_tars(str(folder / "*.tar"), IndexConfig(output=str(tmp_path / "indexes")))
    assert tars == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    reader = ShardReader(str(tmp_path / "indexes"))
    assert len(set(keys(reader, 45))) == 45


def test_indexes_that_readers_would_refuse_are_not_made(folder: Path) -> None:
    """A manifest that is not on this machine may not name files of it."""
    with pytest.raises(ShardError, match=r"s3://indexes/a: .*may name places of s3://indexes only"):
        index_tars(str(folder / "*.tar"), IndexConfig(output="s3://indexes/a"))


def test_what_is_not_read_is_left_out_and_counted(tmp_path: Path) -> None:
    files = [
        ("1.jpg", b"a"), ("1.cls", b"3"), ("1.txt", b"One."),
        ("2.pyd", b"x"), ("2.npy", b"x"),
        ("3.jpg", b"b"), ("3.jpg", b"c"),
        ("4.jpg", b"d"), ("5.jpg", b"e"), ("4.txt", b"Four."),
        ("6.seg.jpg", b"f"), ("6.json", b'{"caption": "Six.", "duration": 2.5}'),
        ("7.jpg", b"g"),
    ]  # fmt: skip
    report = index_tars(write(tmp_path / "a.tar", files), IndexConfig())
    assert report.left_out_members == {"cls": 1, "pyd": 1, "npy": 1, "seg.jpg": 1}
    assert report.left_out_samples == {"members apart, doubled or cut off": 3}
    assert report.odd == {"duplicate_member": 1, "split_key": 1}
    found = {
        s.key: dict(s.members) for s, _ in itertools.islice(ShardReader(str(tmp_path), shuffle=False), 4)
    }
    assert found == {
        "1": {"jpg": b"a", "txt": b"One."},
        "5": {"jpg": b"e"},
        "6": {"json": b'{"caption": "Six.", "duration": 2.5}'},
        "7": {"jpg": b"g"},
    }


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names(tmp_path: Path, form: int) -> None:
    name = "ordner/" + "ä" * 90
    index_tars(write(tmp_path / "a.tar", [(f"{name}.txt", b"Lang.")], form), IndexConfig())
    assert keys(ShardReader(str(tmp_path)), 1) == [name]


def test_lengths_are_measured_on_request(tmp_path: Path) -> None:
    mp4, flac = encoded("red")
    files = [("1.mp4", mp4), ("1.txt", b"Red."), ("2.flac", flac), ("3.mp4", b"broken")]
    tar = write(tmp_path / "a.tar", files)
    assert index_tars(tar, IndexConfig()).without_duration == 3
    assert index_tars(tar, IndexConfig(probe=True)).without_duration == 1
    manifest = json.loads((tmp_path / "manifest.json").read_bytes())
    assert manifest["duration_s"] == pytest.approx(2.0, abs=0.1)


def test_a_truncated_tar_gives_what_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", pairs(0, 4))
    whole = Path(path).read_bytes()
    for size, left_out in ((6 * 1024 + 600, {}), (7 * 1024 + 600, {"members apart, doubled or cut off": 1})):
        Path(path).write_bytes(whole[:size])
        report = index_tars(path, IndexConfig())
        assert report.odd == {"truncated": 1}
        assert report.left_out_samples == left_out
        assert report.num_samples == 3
        assert len(set(keys(ShardReader(str(tmp_path)), 3))) == 3


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (IndexConfig(splits=(("Val", "*"),)), "lower-case"),
        (IndexConfig(splits=(("val", "nothing-*"), ("train", "*"))), "fits no tar"),
        (IndexConfig(splits=(("val", "val-*"),)), "fits none of the splits"),
    ],
)
def test_splits_that_cannot_be_meant(folder: Path, config: IndexConfig, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        index_tars(str(folder), config)


def test_another_manifest_is_left_as_it_is(folder: Path) -> None:
    index_tars(str(folder), IndexConfig())
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["generations"][0]["generation"] = "abc"
    from shards.format import canonical_json, manifest_version

    text = canonical_json({**manifest, "version": manifest_version(manifest)})
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ShardError, match="--output FOLDER"):
        index_tars(str(folder), IndexConfig())
    assert (folder / "manifest.json").read_text() == text


def test_names_and_places_that_are_not_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \.tar file"):
        index_tars(str(tmp_path), IndexConfig())
    odd = write(tmp_path / "a b.tar", pairs(0, 1))
    with pytest.raises(ShardError, match="may have letters"):
        index_tars(odd, IndexConfig())
    with pytest.raises(ShardError, match="shell command"):
        index_tars("pipe:cat a.tar", IndexConfig())
    with pytest.raises(ShardError, match="Decompress it"):
        index_tars("set/a.tar.gz", IndexConfig())
    empty = write(tmp_path / "empty.tar", [("a.cls", b"1")])
    with pytest.raises(ShardError, match="no sample in any of 1 tars; left out: 1 cls"):
        index_tars(empty, replace(IndexConfig(), workers=2))

"""Imports: tables in the shapes that people have, media of all kinds, and what is wrong with them."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from shards.reading import ShardError
from shards.reading.manifest import open_shards
from shards.reading.verify import verify
from tests.shards.dataset import encoded
from tests.shards.imported import CONFIG, files, image, put, rejects, run, samples, video, write_csv


@pytest.fixture
def webvid(tmp_path: Path) -> str:
    names = [f"{1000 + number}" for number in range(5)]
    put(tmp_path / "videos", {f"000_{int(name) % 2}/{name}.mp4": video(name) for name in names})
    rows = [
        {
            "videoid": name,
            "name": f"A red, noisy picture, number {name}",
            "page_dir": f"000_{int(name) % 2}",
            "contentUrl": f"https://example.org/{name}.mp4",
        }
        for name in names
    ]
    return write_csv(tmp_path / "webvid.csv", rows)


def test_webvid(webvid: str, tmp_path: Path) -> None:
    report = run(webvid, tmp_path / "out", replace(CONFIG, media=str(tmp_path / "videos")))
    assert (report.num_rows, report.num_rejected) == (5, 0)
    found = samples(tmp_path / "out")
    assert sorted(found) == ["1000", "1001", "1002", "1003", "1004"]
    assert found["1003"]["mp4"] == video("1003")
    metadata = json.loads(found["1003"]["json"])
    assert metadata["fused"][0]["kind"] == "V"
    assert metadata["fused"][0]["text"] == metadata["captions"]["video"]["text"]
    assert metadata["captions"]["video"]["provenance"]["model"] == "imported"
    assert metadata["captions"]["video"]["provenance"]["revision"] == "a set"
    assert metadata["captions"]["speech"] is None
    assert metadata["source"]["id"] == "1003"
    assert metadata["fields"]["contentUrl"] == "https://example.org/1003.mp4"
    assert metadata["video"]["num_frames"] == 10
    assert metadata["video"]["keyframes"] == [0, 5]
    assert verify(str(tmp_path / "out")).problems == ()


def test_internvid_and_media_that_are_the_whole_video(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"abc_00:00:01.000_00:00:02.000.mp4": video("a"), "abc_00:00:02.000_00:01:02.000.mp4": video("b")},
    )
    rows = [
        {
            "YoutubeID": "abc",
            "Start_timestamp": start,
            "End_timestamp": end,
            "Caption": "Red.",
            "Aesthetic_Score": "4.5",
        }
        for start, end in (("00:00:01.000", "00:00:02.000"), ("00:00:02.000", "00:01:02.000"))
    ]
    path = tmp_path / "internvid.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{not json\n[1]\n")
    report = run(str(path), tmp_path / "out")
    assert report.reasons == {"other_span": 1, "bad_row": 2}
    (members,) = samples(tmp_path / "out").values()
    metadata = json.loads(members["json"])
    assert metadata["scores"]["aesthetic"] == 4.5
    assert (metadata["source"]["start_s"], metadata["source"]["end_s"]) == (1.0, 2.0)
    assert [(row["row"], row["reason"]) for row in rejects(tmp_path / "out")] == [
        (2, "other_span"), (3, "bad_row"), (4, "bad_row"),
    ]  # fmt: skip
    assert verify(str(tmp_path / "out")).ok


def test_images_and_text_of_a_parquet_table(tmp_path: Path) -> None:
    kinds = {"a.jpg": "JPEG", "b.png": "PNG", "c.webp": "WEBP", "d.dat": "JPEG"}
    put(tmp_path / "images", {name: image(number, kind) for number, (name, kind) in enumerate(kinds.items())})
    table = pa.table(
        {
            "image_path": list(kinds),
            "TEXT": ["one", "two", "three", "four"],
            "similarity": [0.3, 0.31, None, 0.2],
            "lic": ["CC0"] * 4,
            "split": ["train", "val", "train", "Test!"],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    config = replace(CONFIG, media=str(tmp_path / "images"), columns={"licence": "lic"})
    report = run(str(tmp_path / "t.parquet"), tmp_path / "out", config)
    assert report.reasons == {"bad_split": 1}
    found = list(samples(tmp_path / "out").values())
    assert sorted(tuple(members) for members in found) == [("jpg", "json"), ("json", "png"), ("json", "webp")]
    metadata = json.loads(next(members["json"] for members in found if "png" in members))
    assert metadata["image"]["width_px"] == 32
    assert metadata["video"] is None
    assert metadata["source"]["licence"] == "CC0"
    assert metadata["fields"]["similarity"] == 0.31
    assert open_shards(str(tmp_path / "out")).splits == ("train", "val")
    assert verify(str(tmp_path / "out")).problems == ()


def test_tars_of_others(tmp_path: Path) -> None:
    mp4, flac = encoded("blue")
    members = [
        ("x/1.mp4", mp4), ("x/1.flac", flac), ("x/1.txt", b"A blue picture."),
        ("x/2.jpg", image(2)),
        ("x/2.json", b'{"caption": "Noise.", "key": 3, "url": "u", "similarity": 0.5}'),
        ("x/3.jpg", image(3)),
        ("x/4.jpg", b"\xff\xd8\xffnothing"), ("x/4.txt", b"Broken."),
        ("x/5.cls", b"3"), ("x/5.txt", b"No media."),
    ]  # fmt: skip
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    report = run(str(tmp_path / "a.tar"), tmp_path / "out")
    assert report.num_rows == 5
    assert report.reasons == {"no_caption": 1, "decode_failed": 1, "missing_media": 1}
    assert sorted(tuple(sorted(members)) for members in samples(tmp_path / "out").values()) == [
        ("flac", "json", "mp4"), ("jpg", "json"),
    ]  # fmt: skip
    assert verify(str(tmp_path / "out")).problems == ()


def test_keys_that_come_apart_are_left_out_whole(tmp_path: Path) -> None:
    members = [
        ("a.txt", b"A."), ("a.jpg", image(1)), ("b.txt", b"B."), ("b.jpg", image(2)),
        ("a.mp4", encoded("blue")[0]),
        ("c.txt", b"C."), ("c.jpg", image(3)), ("c.jpg", image(4)),
        ("d.txt", b"D."), ("d.jpg", image(5)), ("e.txt", b"E."), ("e.jpg", image(6)), ("d.txt", b"D again."),
        ("f.txt", b"F."), ("f.jpg", image(7)),
    ]  # fmt: skip
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    whole = (tmp_path / "a.tar").read_bytes()
    report = run(str(tmp_path / "a.tar"), tmp_path / "out")
    assert report.reasons == {"split_key": 5}
    assert sorted(samples(tmp_path / "out")) == ["b", "e", "f"]
    captions = {
        key: json.loads(m["json"])["fused"][0]["text"] for key, m in samples(tmp_path / "out").items()
    }
    assert captions == {"b": "B.", "e": "E.", "f": "F."}
    (tmp_path / "a.tar").write_bytes(whole[: whole.index(image(7)) + 100])
    run(str(tmp_path / "a.tar"), tmp_path / "cut")
    assert sorted(samples(tmp_path / "cut")) == ["b", "e"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("page.mp4", b"<!doctype html><html></html>", "not_media"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "not_media"),
        ("empty.mp4", b"", "empty_file"),
        ("cut.mp4", encoded("red")[0][:900], "unreadable"),
        ("cut.jpg", image(1)[:800], "decode_failed"),
        ("script.jpg", b"ffconcat version 1.0\nfile /etc/passwd\n", "not_media"),
        ("film.avi", b"RIFF\x00\x00\x00\x00AVI LIST", "unreadable"),
        ("../outside.mp4", b"", "missing_media"),
        ("/etc/passwd", None, "missing_media"),
        ("gone.mp4", None, "missing_media"),
    ],
)
def test_files_that_are_not_what_they_should_be(
    tmp_path: Path, name: str, data: bytes | None, reason: str
) -> None:
    put(tmp_path / "media", {"good.mp4": video("good")})
    if data is not None:
        put(tmp_path / "media", {name: data})
    rows = [{"path": path, "caption": "Red."} for path in ("good.mp4", name)]
    report = run(
        write_csv(tmp_path / "t.csv", rows), tmp_path / "out", replace(CONFIG, media=str(tmp_path / "media"))
    )
    assert dict(report.reasons) == {reason: 1}
    assert len(samples(tmp_path / "out")) == 1


def test_the_same_bytes_again_and_nothing_is_decoded_twice(webvid: str, tmp_path: Path) -> None:
    config = replace(CONFIG, media=str(tmp_path / "videos"))
    run(webvid, tmp_path / "one", config)
    run(webvid, tmp_path / "two", replace(config, workers=7, scratch_bytes=1))
    assert files(tmp_path / "one") == files(tmp_path / "two")
    out = tmp_path / "three"
    (tmp_path / "videos" / "000_0" / "1002.mp4").rename(tmp_path / "away.mp4")
    out.mkdir()
    (out / "manifest.json").write_text("{}")
    with pytest.raises(ShardError):
        run(webvid, out, config)
    (out / "manifest.json").unlink()
    (tmp_path / "away.mp4").rename(tmp_path / "videos" / "000_0" / "1002.mp4")
    assert run(webvid, out, config).reused == 4
    assert files(out) == files(tmp_path / "one")


def test_kills_and_reruns_give_the_same_bytes(webvid: str, tmp_path: Path) -> None:
    config = replace(CONFIG, media=str(tmp_path / "videos"))
    run(webvid, tmp_path / "quiet", config)
    out, scratch = tmp_path / "out", tmp_path / "out.scratch"
    code = (
        "from pathlib import Path; from shards.writing.assembly.layout import Packing\n"
        "from shards.writing.importing.run import *\nprint('go', flush=True)\n"
        f"config = ImportConfig(packing=Packing(3, 1 << 30, 0), dataset='a set', media={config.media!r})\n"
        f"import_dataset([{webvid!r}], {str(out)!r}, Path({str(scratch)!r}), config)\n"
    )
    for wait_s in (0.2, 0.4, 0.6):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_s)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    run(webvid, out, config)
    assert {n: h for n, h in files(out).items() if not n.endswith(".tmp")} == files(tmp_path / "quiet")
    assert not scratch.exists()


def test_plain_webdataset_and_datasets_read_what_was_imported(webvid: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(webvid, out, replace(CONFIG, media=str(tmp_path / "videos")))
    tars = sorted(str(path) for path in out.rglob("*.tar"))
    found = {
        sample["__key__"]: json.loads(sample["json"])["fused"][0]["text"]
        for sample in webdataset.WebDataset(tars, shardshuffle=False)
    }
    assert sorted(found) == ["1000", "1001", "1002", "1003", "1004"]
    read = datasets.load_dataset(
        "webdataset", data_files=tars, split="train", streaming=True, cache_dir=str(tmp_path / "cache")
    )
    read = read.cast_column("mp4", datasets.Value("binary")) if "mp4" in (read.features or {}) else read
    assert {row["__key__"] for row in read.select_columns(["__key__", "json"])} == set(found)


def test_what_another_dataset_rejected_is_kept(webvid: str, tmp_path: Path) -> None:
    put(tmp_path / "out", {"rejects.jsonl": b"theirs"})
    config = replace(CONFIG, media=str(tmp_path / "videos"))
    run(webvid, tmp_path / "out", config)
    put(tmp_path / "out", {"rejects.jsonl": b"theirs"})
    (tmp_path / "videos" / "000_0" / "1002.mp4").unlink()
    with pytest.raises(ShardError, match="another dataset is there"):
        run(webvid, tmp_path / "out", config)
    assert (tmp_path / "out" / "rejects.jsonl").read_bytes() == b"theirs"


def test_readers_decode_what_was_imported_of_real_media(shared_media: Path, tmp_path: Path) -> None:
    paths = [path for path in sorted((shared_media / "odd").iterdir()) if path.stat().st_size < 1 << 20]
    rows = [{"path": path.name, "caption": "A video."} for path in paths if path.is_file()]
    table = write_csv(tmp_path / "t.csv", rows)
    report = run(table, tmp_path / "out", replace(CONFIG, media=str(shared_media / "odd")))
    assert report.num_rows == len(rows)
    assert 0 < report.num_rejected < len(rows)
    assert set(verify(str(tmp_path / "out")).counts) <= {"duplicate_media"}

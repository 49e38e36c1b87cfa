"""Verification finds what is wrong, names it, and finds nothing in what is right."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.base.workspace import Workspace
from shards.format import canonical_json, manifest_version
from shards.reading.head import head
from shards.reading.manifest import Shard, open_shards
from shards.reading.parallel import WorkerDiedError, in_processes
from shards.reading.tars import read_index
from shards.reading.verify import verify
from shards.reading.verify_sample import Fault
from shards.writing.select import SelectConfig
from tests.shards.dataset import Records, make_records, pack, select, write_dataset, write_manifest

CONFIG = SelectConfig(splits={"train": 0.5, "val": 0.5}, samples_per_shard=6)


@pytest.fixture
def records(workspace: Workspace) -> Records:
    return make_records(workspace, 6, 3)


@pytest.fixture
def url(workspace: Workspace, records: Records) -> str:
    return write_dataset(workspace, records, CONFIG)


def first_tar(url: str) -> Path:
    return Path(url, open_shards(url).shards[0].path)


def faults(url: str) -> list[Fault]:
    return [problem.fault for problem in verify(url).problems]


def rewrite_tar(path: Path, change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> None:
    with tarfile.open(path) as tar:
        files = [(m.name, tar.extractfile(m).read()) for m in tar]  # type: ignore[union-attr]
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in change(files):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    path.write_bytes(out.getvalue())


def accept_hashes(url: str) -> None:
    """Rewrite the manifest, so that only what is inside the shards is wrong."""
    path = Path(url, "manifest.json")
    manifest = json.loads(path.read_bytes())
    for generation in manifest["generations"]:
        for entries in generation["splits"].values():
            for entry in entries:
                entry["sha256"] = hashlib.sha256(Path(url, entry["path"]).read_bytes()).hexdigest()
                entry["index_sha256"] = hashlib.sha256(
                    Path(url, entry["index_path"]).read_bytes()
                ).hexdigest()
    path.write_text(canonical_json({**manifest, "version": manifest_version(manifest)}))


def test_a_sound_dataset_has_no_problems(url: str) -> None:
    report = verify(url)
    assert report.problems == ()
    assert report.ok
    assert report.num_samples == 18
    assert report.num_shards == len(open_shards(url).shards) > 2
    assert report.size_bytes == sum(Path(url, shard.path).stat().st_size for shard in open_shards(url).shards)


def test_tars_without_a_manifest_are_verified_too(url: str) -> None:
    report = verify(str(first_tar(url).parent / "*.tar"))
    assert report.ok
    assert report.num_samples > 0


def test_a_flipped_byte(url: str) -> None:
    data = bytearray(first_tar(url).read_bytes())
    data[2000] ^= 1
    first_tar(url).write_bytes(data)
    report = verify(url)
    assert Fault.WRONG_HASH in {problem.fault for problem in report.problems}
    assert {problem.shard for problem in report.problems} == {str(first_tar(url))}


def test_a_truncated_tar(url: str) -> None:
    first_tar(url).write_bytes(first_tar(url).read_bytes()[:5000])
    report = verify(url)
    assert {Fault.TRUNCATED, Fault.INDEX_MISMATCH, Fault.WRONG_HASH} <= set(report.counts)
    assert any("ends early, at byte 5000" in problem.detail for problem in report.problems)


def test_missing_files(url: str) -> None:
    first_tar(url).unlink()
    assert faults(url) == [Fault.MISSING_FILE]
    first_tar(url).with_name("000000.index.parquet").unlink()
    assert faults(url) == [Fault.MISSING_FILE, Fault.MISSING_FILE]


def test_a_stale_index(url: str) -> None:
    index = first_tar(url).with_name("000000.index.parquet")
    table = pq.read_table(index)
    pq.write_table(table.take(list(reversed(range(table.num_rows)))), index)
    assert faults(url)[0] == Fault.BAD_INDEX
    accept_hashes(url)
    assert Fault.INDEX_MISMATCH in faults(url)


def test_members_out_of_order_and_doubled_keys(url: str) -> None:
    rewrite_tar(first_tar(url), lambda files: [files[1], files[0], *files[2:]])
    accept_hashes(url)
    assert Fault.MEMBER_ORDER in faults(url)
    rewrite_tar(first_tar(url), lambda files: [*files[1:], files[0]])
    accept_hashes(url)
    assert Fault.SPLIT_KEY in faults(url)
    rewrite_tar(first_tar(url), lambda files: [*files, files[-1]])
    accept_hashes(url)
    assert Fault.DUPLICATE_MEMBER in faults(url)


def test_the_same_key_in_two_shards(url: str) -> None:
    one, two = (Path(url, shard.path) for shard in open_shards(url).shards[:2])
    two.write_bytes(one.read_bytes())
    two.with_name(two.stem + ".index.parquet").write_bytes(
        one.with_name(one.stem + ".index.parquet").read_bytes()
    )
    accept_hashes(url)
    found = [problem for problem in verify(url).problems if problem.fault == Fault.DUPLICATE_KEY]
    assert found
    assert str(one) in found[0].detail


def test_a_hostile_member(url: str) -> None:
    rewrite_tar(first_tar(url), lambda files: [(files[0][0].split(".")[0] + ".pyd", b"x"), *files])
    accept_hashes(url)
    assert any("type that is not read" in problem.detail for problem in verify(url).problems)


@pytest.mark.parametrize(
    ("change", "fault", "detail"),
    [
        (lambda m: {**m, "schema_version": 99}, Fault.BAD_METADATA, "schema_version is 99"),
        (lambda m: {**m, "key": "x"}, Fault.BAD_METADATA, "metadata of 'x'"),
        (lambda m: {k: v for k, v in m.items() if k != "source"}, Fault.BAD_METADATA, "source"),
        (lambda m: {**m, "fused": [{**m["fused"][0], "text": " "}]}, Fault.NO_CAPTION, "no fused caption"),
        (lambda m: {**m, "audio": {"sha256": "0"}}, Fault.BAD_METADATA, ".flac"),
        (lambda m: {**m, "video": {**m["video"], "sha256": "0"}}, Fault.WRONG_HASH, "from the metadata"),
        (
            lambda m: {**m, "video": {**m["video"], "frame_times_s": [0.0]}},
            Fault.UNDECODABLE,
            "10 frames decode, the metadata list 1",
        ),
        (
            lambda m: {**m, "video": {**m["video"], "frame_times_s": [n / 25 for n in range(10)]}},
            Fault.BAD_METADATA,
            "other times",
        ),
    ],
)
def test_metadata_that_lie(url: str, change: Callable[..., object], fault: Fault, detail: str) -> None:
    def lie(files: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        silent = {name.split(".")[0] for name, _ in files} - {
            n.split(".")[0] for n, _ in files if "flac" in n
        }
        return [
            (name, canonical_json(change(json.loads(data))).encode())
            if name.endswith("json") and name.split(".")[0] in silent
            else (name, data)
            for name, data in files
        ]

    for shard in open_shards(url).shards:
        rewrite_tar(Path(url, shard.path), lie)
    found = [p for p in verify(url).problems if p.fault == fault and detail in p.detail]
    assert len(found) == 6


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"[" * 100_000, b'{"schema_version":1,"key":[]}'])
def test_metadata_that_are_nonsense(url: str, text: bytes) -> None:
    rewrite_tar(first_tar(url), lambda files: [(n, text if "json" in n else d) for n, d in files])
    assert faults(url).count(Fault.BAD_METADATA) == open_shards(url).shards[0].num_samples


def test_a_clip_that_does_not_decode(workspace: Workspace, records: Records) -> None:
    with workspace.media.new_tar("cut") as tar:
        broken = tar.add("broken.mp4", "mp4", b"not a video" * 100)
    records.clips[0] = replace(records.clips[0], video=broken)
    url = write_dataset(workspace, records, CONFIG)
    (problem,) = verify(url).problems
    assert (problem.fault, problem.key) == (Fault.UNDECODABLE, records.clips[0].clip_id)
    assert verify(url, decode=False).ok


def test_a_source_in_two_splits(workspace: Workspace, records: Records) -> None:
    samples, _ = select(workspace, records, CONFIG)
    stray = next(sample for sample in samples if sample.split == "train")
    position = sum(sample.shard_id.endswith("val/000000") for sample in samples)
    samples[samples.index(stray)] = replace(
        stray, split="val", shard_id=f"{stray.generation}/val/000000", position=position
    )
    write_manifest(workspace, pack(workspace, samples))
    (problem,) = verify(workspace.storage.uri("shards")).problems
    assert problem.fault == Fault.SPLIT_LEAK
    assert json.loads(stray.metadata)["source"]["video_id"] in problem.detail


def test_two_keys_with_the_same_video_and_content_in_two_splits(
    workspace: Workspace, records: Records
) -> None:
    records.clips[3] = replace(records.clips[3], video=records.clips[0].video)
    url = write_dataset(workspace, records, CONFIG)
    report = verify(url)
    keys = {records.clips[0].clip_id, records.clips[3].clip_id}
    (copy,) = [each for each in report.problems if each.fault == Fault.DUPLICATE_MEDIA]
    assert {copy.key, copy.detail.rpartition(" ")[2]} == keys
    splits = {shard.split for shard in open_shards(url).shards}
    leaks = report.counts.get(Fault.SPLIT_LEAK, 0)
    of = {key: next(s.split for s in open_shards(url).shards if key in keys_of(s)) for key in keys}
    assert splits == {"train", "val"}
    assert leaks == (len(set(of.values())) > 1)


def keys_of(shard: Shard) -> set[str]:
    index = read_index(shard)
    return {index[row].key for row in range(len(index))}


def test_workers_find_the_same(url: str) -> None:
    data = bytearray(first_tar(url).read_bytes())
    data[2000] ^= 1
    first_tar(url).write_bytes(data)
    told: list[tuple[int, int]] = []
    assert verify(url, workers=2, told=lambda done, total: told.append((done, total))) == verify(url)
    total = len(open_shards(url).shards)
    assert told == [(done, total) for done in range(1, total + 1)]


def die_of(shard: int) -> int:
    if shard == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    return shard * 2


def test_a_process_that_dies_takes_no_other_item_with_it() -> None:
    found = dict(in_processes(die_of, range(6), 2))
    assert isinstance(found.pop(3), WorkerDiedError)
    assert found == {0: 0, 1: 2, 2: 4, 4: 8, 5: 10}


def test_no_process_outlives_a_killed_command() -> None:
    code = (
        "import time\nfrom shards.reading.parallel import in_processes\n"
        "if __name__ == '__main__':\n"
        "    for item, result in in_processes(time.sleep, [0, 0, 60, 60, 60], 2):\n"
        "        print(item, flush=True)\n"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert command.stdout is not None
    command.stdout.readline()
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    command.kill()
    command.wait()
    command.stdout.close()
    assert len(children) >= 2
    for _ in range(100):
        left = [child for child in children if Path(f"/proc/{child}/exe").exists()]
        if not left:
            break
        time.sleep(0.1)
    assert not left


def test_head_shows_the_first_samples(url: str) -> None:
    found = list(head(url, 8))
    assert len(found) == 8
    assert {summary.split for summary in head(url, 100)} == {"train", "val"}
    assert {summary.split for summary in head(url, 100, split="val")} == {"val"}
    for summary in found:
        assert summary.metadata["key"] == summary.key
        assert summary.duration_s == 1.0
        assert summary.size_bytes["mp4"] == summary.metadata["video"]["size_bytes"]

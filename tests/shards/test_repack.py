"""Repacking copies bytes, filters, merges, and gives the same bytes however it was interrupted."""

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

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.base.workspace import Workspace
from shards.reading import ShardError
from shards.reading.errors import DamagedSampleError
from shards.reading.manifest import open_shards
from shards.reading.tars import read_index
from shards.reading.verify import Fault, verify
from shards.writing.assembly.layout import Packing
from shards.writing.assembly.scratch import scratch_of
from shards.writing.repack import RepackConfig, RepackReport, repack
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset
from tests.shards.plain_set import keys_of, write_set

PACKING = Packing(samples_per_shard=4, shard_bytes=1 << 30, seed=7)
CONFIG = RepackConfig(packing=PACKING)
SELECT = SelectConfig(splits={"train": 0.6, "val": 0.4}, samples_per_shard=5)


@pytest.fixture
def url(workspace: Workspace) -> str:
    return write_dataset(workspace, make_records(workspace, 6, 3), SELECT)


def samples(url: str | Path) -> dict[str, tuple[str, dict[str, bytes]]]:
    """Split and members of every sample, by key."""
    found = {}
    for shard in open_shards(str(url)).shards:
        data = Path(shard.url).read_bytes()
        index = read_index(shard)
        for row in range(len(index)):
            members = {
                each.extension: data[each.offset : each.offset + each.size] for each in index[row].members
            }
            found[index[row].key] = (shard.split, members)
    return found


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run(url: str | list[str], out: Path, config: RepackConfig = CONFIG) -> RepackReport:
    urls = [url] if isinstance(url, str) else url
    return repack(urls, str(out), out.with_name(out.name + ".scratch"), config)


def test_every_byte_and_split_is_kept(url: str, tmp_path: Path) -> None:
    report = run(url, tmp_path / "out")
    assert samples(tmp_path / "out") == samples(url)
    assert report.published.num_samples == report.num_seen == 18
    assert all(shard.num_samples <= 4 for shard in open_shards(str(tmp_path / "out")).shards)
    assert verify(str(tmp_path / "out")).problems == ()
    assert not (tmp_path / "out.scratch").exists()


def test_the_same_bytes_with_any_number_of_workers_and_any_scratch(url: str, tmp_path: Path) -> None:
    run(url, tmp_path / "one")
    run(url, tmp_path / "many", replace(CONFIG, workers=8))
    run(url, tmp_path / "little", replace(CONFIG, workers=3, scratch_bytes=1))
    assert files(tmp_path / "one") == files(tmp_path / "many") == files(tmp_path / "little")


def test_a_filter_by_scores_and_one_by_a_table(url: str, tmp_path: Path) -> None:
    keys = sorted(samples(url))
    table = tmp_path / "verdicts.jsonl"
    table.write_text(
        "".join(json.dumps({"clip_id": key, "good": n % 3 == 0}) + "\n" for n, key in enumerate(keys))
    )
    report = run(url, tmp_path / "a", replace(CONFIG, where="v.good", tables={"v": str(table)}))
    assert sorted(samples(tmp_path / "a")) == keys[::3]
    assert report.left_out == 12
    silent = replace(CONFIG, where="audio is None and scores.support > 0.5")
    run(url, tmp_path / "b", silent)
    assert {tuple(members) for _, members in samples(tmp_path / "b").values()} == {("json", "mp4")}


def test_keys_that_look_like_numbers_join(tmp_path: Path) -> None:
    keys = ("000000012", "12", "1e3", "13")
    url = write_set(tmp_path / "in", {"abc": keys})
    texts = {
        "a.csv": "key,good\n" + "".join(f"{key},{key != '12'}\n" for key in keys),
        "a.tsv": "good\tclip_id\n" + "".join(f"{key != '12'}\t{key}\n" for key in keys),
        "a.jsonl": '{"key": "000000012", "good": true}\n{"key": 13, "why": "x", "good": true}\n'
        '{"key": "12", "good": false, "why": "y"}\n{"clip_id": "zz"}\n{"key": "1e3", "good": true}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        config = replace(CONFIG, where="v.good", tables={"v": str(tmp_path / name)})
        run(url, tmp_path / f"out-{name}", config)
        assert sorted(samples(tmp_path / f"out-{name}")) == ["000000012", "13", "1e3"], name
    config = replace(CONFIG, where="contains(v.why, 'x')", tables={"v": str(tmp_path / "a.jsonl")})
    run(url, tmp_path / "out", config)
    assert sorted(samples(tmp_path / "out")) == ["13"]


def test_a_table_of_a_run_is_had_through_its_ledger(url: str, tmp_path: Path) -> None:
    config = replace(CONFIG, where="v.x", tables={"v": str(tmp_path / "run" / "tables" / "clips")})
    with pytest.raises(ShardError, match="cliploom tables RUN NAME --limit"):
        run(url, tmp_path / "out", config)


@pytest.mark.parametrize("text", ["[1]", "{", "[" * 100_000, '{"key": 1, "x": ' + "9" * 40 + "}"])
def test_a_table_that_is_none_is_named(text: str, url: str, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(text + "\n")
    with pytest.raises(ShardError, match="cannot be read as a table"):
        run(url, tmp_path / "out", replace(CONFIG, where="v.x", tables={"v": str(tmp_path / "t.jsonl")}))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("scores.motoin > 1", "no sample has 'scores.motoin'"),
        ("key == 'none'", "nothing to write"),
        ("open('/etc/passwd')", "is not understood"),
        ("key > 3", "other types of values"),
        ("key ==", "cannot be read"),
    ],
)
def test_conditions_that_cannot_be_meant(url: str, tmp_path: Path, where: str, message: str) -> None:
    with pytest.raises(ShardError, match=message):
        run(url, tmp_path / "out", replace(CONFIG, where=where))
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_merging(workspace: Workspace, url: str, tmp_path: Path) -> None:
    other = Workspace.open(str(tmp_path / "other"), str(tmp_path / "other-scratch"))
    more = write_dataset(other, make_records(other, 2, 3, first_video=100), SELECT)
    report = run([url, more, url], tmp_path / "merged")
    assert samples(tmp_path / "merged") == {**samples(url), **samples(more)}
    assert report.met_again == 18


def test_colliding_keys_are_named_and_can_be_prefixed(url: str, tmp_path: Path) -> None:
    other = Workspace.open(str(tmp_path / "other"), str(tmp_path / "other-scratch"))
    records = make_records(other, 1, 3)
    again = write_dataset(other, records.with_text(records.clips[0].clip_id, "Another text."), SELECT)
    with pytest.raises(ShardError, match="prefix-keys") as refused:
        run([url, again], tmp_path / "out")
    assert records.clips[0].clip_id in str(refused.value)
    run([url, again], tmp_path / "out", replace(CONFIG, prefix_keys=True))
    found = samples(tmp_path / "out")
    assert len(found) == 21
    assert {key.split("-")[0] for key in found} == {"1", "2"}
    assert all(json.loads(members["json"])["key"] == key for key, (_, members) in found.items())


def test_another_dataset_is_not_replaced_and_the_same_one_stays(url: str, tmp_path: Path) -> None:
    assert not run(url, tmp_path / "out").published.unchanged
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.tar")}
    assert run(url, tmp_path / "out").published.unchanged
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.tar")}
    with pytest.raises(ShardError, match="another dataset is there"):
        run(url, tmp_path / "out", replace(CONFIG, where="split == 'train'"))


def test_damage_is_named_and_nothing_is_published(url: str, tmp_path: Path) -> None:
    shard = open_shards(url).shards[0]
    index = read_index(shard)
    path, member = Path(url, shard.path), index[1].members[-1]
    data = bytearray(path.read_bytes())
    data[member.offset + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedSampleError, match=f"{index[1].key}.{member.extension}"):
        run(url, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_kills_and_reruns_give_the_same_bytes(url: str, tmp_path: Path) -> None:
    run(url, tmp_path / "quiet")
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    code = (
        "from pathlib import Path; from shards.writing.repack import *; from "
        "shards.writing.assembly.layout import *\n"
        f"print('go', flush=True); repack([{url!r}], {str(out)!r}, Path({str(scratch)!r}), "
        "RepackConfig(packing=Packing(4, 1 << 30, 7), scratch_bytes=1))"
    )
    for wait_s in (0.01, 0.03, 0.06, 0.1):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(wait_s)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    repack([url], str(out), scratch, CONFIG)
    assert {n: h for n, h in files(out).items() if not n.endswith(".tmp")} == files(tmp_path / "quiet")
    assert not scratch.exists()


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _other_columns(path: Path) -> None:
    pq.write_table(pq.read_table(path).rename_columns(["key", "d", "c", "s", "m"]), path)


def _other_hash(path: Path) -> None:
    table = pq.read_table(path)
    wrong = pa.array(["0" * 64] * len(table))
    pq.write_table(table.set_column(3, table.schema.field(3), wrong), path)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".tar", lambda path: _flip(path, 600)),
        (".tar", lambda path: _flip(path, 300)),
        (".tar", lambda path: _flip(path, path.stat().st_size - 1)),
        (".index.parquet", _other_columns),
        (".index.parquet", _other_hash),
        (".index.parquet", lambda path: path.write_bytes(b"PAR1")),
    ],
)
@pytest.mark.parametrize("published", [True, False])
def test_a_shard_of_an_earlier_try_that_is_damaged_is_written_again(
    suffix: str, damage: Callable[[Path], None], published: bool, tmp_path: Path
) -> None:
    url = write_set(tmp_path / "in", {"abc": keys_of("k", 10)})
    run(url, tmp_path / "out")
    whole = files(tmp_path / "out")
    if not published:
        (tmp_path / "out" / "manifest.json").unlink()
    path = sorted((tmp_path / "out").rglob("*.tar"))[1]
    damage(path.with_name(path.name.removesuffix(".tar") + suffix))
    run(url, tmp_path / "out")
    assert files(tmp_path / "out") == whole


@pytest.mark.parametrize("split", ["../../elsewhere", "Train", "a b", "/abs"])
def test_a_split_that_is_no_name_is_refused(
    split: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_shards(url)
    odd = replace(opened, shards=tuple(replace(shard, split=split) for shard in opened.shards))
    monkeypatch.setattr("shards.writing.repack.open_shards", lambda _: odd)
    with pytest.raises(ShardError, match="which is no name"):
        run(url, tmp_path / "deep" / "er" / "out")
    assert not list(tmp_path.rglob("*elsewhere*"))


def test_members_of_a_foreign_sample_are_sorted(tmp_path: Path) -> None:
    from shards.writing.index_tars import IndexConfig, index_tars

    tar_path = tmp_path / "in" / "a.tar"
    tar_path.parent.mkdir()
    with tarfile.open(tar_path, "w") as tar:
        for name, data in (("x/1.txt", b"one"), ("x/1.jpg", b"\xff\xd8picture"), ("2.txt", b"two")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    index_tars([str(tar_path)], IndexConfig())
    run(str(tmp_path / "in"), tmp_path / "out")
    assert samples(tmp_path / "out") == {
        "x/1": ("train", {"jpg": b"\xff\xd8picture", "txt": b"one"}),
        "2": ("train", {"txt": b"two"}),
    }
    assert verify(str(tmp_path / "out"), decode=False).counts == {Fault.NO_MEDIA: 1}


def test_two_commands_on_one_output_do_not_mix(url: str, tmp_path: Path) -> None:
    with scratch_of(tmp_path / "out.scratch"), pytest.raises(ShardError, match="another command is at work"):
        run(url, tmp_path / "out")
    run(url, tmp_path / "out")
    assert not (tmp_path / "out.scratch").exists()


def test_what_killed_tries_were_writing_is_removed(url: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = run(url, out).published
    folder = out / made.generation / "train"
    left = [folder / ".000000.tar.0123abcd.tmp", folder / ".000001.index.parquet.0123abcd.tmp"]
    left += [out / ".manifest.json.0123abcd.tmp"]
    mine = [out / ".notes.0123abcd.tmp", folder / "notes.tmp"]
    for path in (*left, *mine):
        path.write_bytes(b"half")
    run(url, out)
    assert [path.exists() for path in (*left, *mine)] == [False] * 3 + [True] * 2

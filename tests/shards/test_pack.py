"""Packing and the manifest: the same bytes always, readable by everybody."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import random
import tarfile
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.base.stages import Retry
from curation.base.workspace import Workspace
from shards.format import INDEX_SCHEMA, canonical_json
from shards.records import Sample, ShardFile
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, pack, select, write_dataset, write_manifest

CONFIG = SelectConfig(splits={"train": 0.7, "val": 0.3}, samples_per_shard=5)


@pytest.fixture
def samples(workspace: Workspace) -> list[Sample]:
    return select(workspace, make_records(workspace, 6, 3), CONFIG)[0]


def shard_bytes(workspace: Workspace) -> dict[str, bytes]:
    root = workspace.storage.local_root
    assert root is not None
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted((root / "shards").rglob("*.*"))}


def test_two_packs_give_the_same_bytes(workspace: Workspace, samples: list[Sample], tmp_path: Path) -> None:
    write_manifest(workspace, pack(workspace, samples))
    first = shard_bytes(workspace)
    random.Random(1).shuffle(samples)
    write_manifest(workspace, list(reversed(pack(workspace, samples))))
    assert shard_bytes(workspace) == first
    # Another run folder, whose media lie in another order.
    other = Workspace.open(str(tmp_path / "other"))
    records = make_records(other, 3, 3, first_video=3)
    more = make_records(other, 3, 3)
    for name in ("clips", "sources", "captions", "fused", "gates"):
        getattr(records, name).extend(getattr(more, name))
    write_dataset(other, records, CONFIG)
    assert shard_bytes(other) == first
    assert len(first) > 6


def test_a_shard_is_a_plain_tar_in_order(workspace: Workspace, samples: list[Sample]) -> None:
    by_key = {sample.clip_id: sample for sample in samples}
    for shard in pack(workspace, samples):
        data = workspace.storage.read_bytes(f"shards/{shard.path}")
        assert hashlib.sha256(data).hexdigest() == shard.sha256
        assert len(data) == shard.size_bytes
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = tar.getmembers()
            for _, group in itertools.groupby(members, key=lambda m: m.name.split(".")[0]):
                names = [m.name for m in group]
                assert names == sorted(names)
                assert len(names) in (2, 3)
            assert {(m.mtime, m.uid, m.gid, m.mode, m.type) for m in members} == {
                (0, 0, 0, 0o644, tarfile.REGTYPE)
            }
            contents = {m.name: tar.extractfile(m).read() for m in members}  # type: ignore[union-attr]
        for name, content in contents.items():
            sample = by_key[name.split(".")[0]]
            if name.endswith(".json"):
                assert content.decode() == sample.metadata
            else:
                media = next(m.media for m in sample.members if name.endswith(m.extension))
                assert content == workspace.media.read(media)
        assert sum(name.endswith(".json") for name in contents) == shard.num_samples


def test_the_index_points_at_the_bytes(workspace: Workspace, samples: list[Sample]) -> None:
    for shard in pack(workspace, samples):
        tar = workspace.storage.read_bytes(f"shards/{shard.path}")
        index = workspace.storage.read_bytes(f"shards/{shard.index_path}")
        assert hashlib.sha256(index).hexdigest() == shard.index_sha256
        table = pq.read_table(io.BytesIO(index))
        assert table.schema.names == INDEX_SCHEMA.names
        for row in table.to_pylist():
            parts = [tar[m["offset"] :][: m["size"]] for m in row["members"]]
            assert [hashlib.sha256(part).hexdigest() for part in parts] == [
                m["sha256"] for m in row["members"]
            ]
            assert hashlib.sha256(b"".join(parts)).hexdigest() == row["sha256"]
            extensions = [m["extension"] for m in row["members"]]
            assert extensions in (["flac", "json", "mp4"], ["json", "mp4"])


def test_manifest_names_everything_and_itself(workspace: Workspace, samples: list[Sample]) -> None:
    shards = pack(workspace, samples)
    made = write_manifest(workspace, shards, lanes=8)
    text = workspace.storage.read_bytes("shards/manifest.json").decode()
    manifest = json.loads(text)
    assert text == canonical_json(manifest) + "\n"
    assert manifest["version"] == made.version
    body = {name: value for name, value in manifest.items() if name != "version"}
    assert hashlib.sha256(canonical_json(body).encode()).hexdigest() == made.version
    assert manifest["lanes"] == 8
    assert manifest["num_samples"] == len(samples) == made.num_samples
    listed = [s for g in manifest["generations"] for split in g["splits"].values() for s in split]
    assert sorted(s["sha256"] for s in listed) == sorted(s.sha256 for s in shards)
    assert set(made.parent_ids) == {shard.shard_id for shard in shards}


def test_an_empty_dataset_has_a_manifest(workspace: Workspace) -> None:
    assert write_manifest(workspace, []).num_samples == 0


def test_media_that_changed_are_not_packed(workspace: Workspace, samples: list[Sample]) -> None:
    root = workspace.storage.local_root
    assert root is not None
    media = samples[0].members[0].media
    with open(root / media.path, "r+b") as tar:
        tar.seek(media.offset)
        tar.write(b"\xff" * 16)
    with pytest.raises(Retry, match="sha256"):
        pack(workspace, samples)
    (root / media.path).unlink()
    with pytest.raises(Retry, match=samples[0].generation):
        pack(workspace, samples)
    assert not [path for path in (root / "shards").rglob("*") if samples[0].shard_id in str(path)]


def test_packing_holds_no_shard_in_memory(workspace: Workspace) -> None:
    big = 2_000_000
    records = make_records(workspace, 1, 20, real_media=False)
    with workspace.media.new_tar("cut") as tar:
        media = [tar.add(f"{n}.mp4", "mp4", bytes([n]) * big) for n in range(20)]
    records.clips = [replace(c, video=m) for c, m in zip(records.clips, media, strict=True)]
    samples, _ = select(workspace, records)
    tracemalloc.start()
    (shard,) = pack(workspace, samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert shard.size_bytes > 20 * big
    assert peak < 5 * big


@pytest.fixture
def dataset(workspace: Workspace) -> tuple[str, list[ShardFile]]:
    samples, _ = select(workspace, make_records(workspace, 6, 3), CONFIG)
    shards = pack(workspace, samples)
    write_manifest(workspace, shards)
    return workspace.storage.uri("shards"), shards


def test_webdataset_reads_the_shards(dataset: tuple[str, list[ShardFile]]) -> None:
    import webdataset

    url, shards = dataset
    for shard in shards:
        stream = webdataset.WebDataset(f"{url}/{shard.path}", shardshuffle=False)
        found = list(stream)
        assert len(found) == shard.num_samples
        for sample in found:
            metadata = json.loads(sample["json"])
            assert metadata["key"] == sample["__key__"]
            assert hashlib.sha256(sample["mp4"]).hexdigest() == metadata["video"]["sha256"]
            assert ("flac" in sample) == (metadata["audio"] is not None)


@pytest.fixture
def uneven_shards(workspace: Workspace) -> tuple[list[str], list[Sample]]:
    """Shards of clips most of which are without speech, and a third of them without sound."""
    records = make_records(workspace, 6, 3)
    records.captions = [
        replace(one, text="", language=None, segments=()) if one.modality == "speech" and number % 4 else one
        for number, one in enumerate(records.captions)
    ]
    samples, _ = select(workspace, records)
    return [workspace.storage.uri(f"shards/{shard.path}") for shard in pack(workspace, samples)], samples


@pytest.mark.parametrize("streaming", [True, False])
def test_hugging_face_datasets_reads_the_shards(
    uneven_shards: tuple[list[str], list[Sample]], tmp_path: Path, streaming: bool
) -> None:
    import datasets

    urls, samples = uneven_shards
    binary = datasets.Value("binary")
    columns = {"__key__": datasets.Value("string"), "json": datasets.Json(), "mp4": binary, "flac": binary}
    found = datasets.load_dataset(
        "webdataset",
        data_files={"train": urls},
        split="train",
        features=datasets.Features(columns),
        streaming=streaming,
        cache_dir=str(tmp_path / "cache"),
    )
    rows = {row["__key__"]: row for row in found}
    assert len(rows) == len(samples)
    for sample in samples:
        row = rows[sample.clip_id]
        assert row["json"]["captions"] == json.loads(sample.metadata)["captions"]
        assert hashlib.sha256(row["mp4"]).hexdigest() == row["json"]["video"]["sha256"]
        assert (row["flac"] is None) == (row["json"]["audio"] is None)


def test_hugging_face_datasets_finds_all_columns_by_itself(
    uneven_shards: tuple[list[str], list[Sample]], tmp_path: Path
) -> None:
    import datasets

    urls, _ = uneven_shards
    found = datasets.load_dataset(
        "webdataset", data_files={"train": urls}, split="train", streaming=True, cache_dir=str(tmp_path)
    )
    assert set(found.features) == {"__key__", "__url__", "flac", "json", "mp4"}
    assert found.features["json"]["captions"]["speech"]["language"] == datasets.Value("string")
    assert found.features["json"]["audio"]["size_bytes"] == datasets.Value("int64")

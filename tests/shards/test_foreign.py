"""Other people's readers, as they are, on our shards: uneven texts, further forms, not all with sound."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from curation.base.workspace import Workspace
from shards.reading import ShardReader
from shards.reading.manifest import open_shards
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset
from tests.shards.test_forms import with_forms

NUM_SAMPLES = 18


@dataclass(frozen=True)
class Shards:
    """A data set of ours, what it holds by key and extension, and its tars."""

    url: str
    contents: Mapping[str, Mapping[str, bytes]]
    tars: Sequence[str]


@pytest.fixture
def shards(workspace: Workspace) -> Shards:
    """Six videos of three clips: every third is silent, most say nothing, all have a second form."""
    records = with_forms(workspace, make_records(workspace, 6, 3))
    records.captions = [
        replace(one, text="", language=None, segments=()) if one.modality == "speech" and number % 4 else one
        for number, one in enumerate(records.captions)
    ]
    url = write_dataset(workspace, records, SelectConfig(samples_per_shard=9))
    reader = ShardReader(url)
    stream = iter(reader)
    samples = [next(stream)[0] for _ in range(reader.num_samples)]
    contents = {sample.key: dict(sample.members) for sample in samples}
    assert len(contents) == NUM_SAMPLES
    assert {len(members) for members in contents.values()} == {3, 4}
    return Shards(url, contents, [f"{url}/{shard.path}" for shard in open_shards(url).shards])


def test_webdataset(shards: Shards) -> None:
    import webdataset

    found = {sample["__key__"]: sample for sample in webdataset.WebDataset(shards.tars, shardshuffle=False)}
    assert found.keys() == shards.contents.keys()
    for key, members in shards.contents.items():
        assert {name: data for name, data in found[key].items() if name[:2] != "__"} == members


def test_webdataset_with_its_own_decoding(shards: Shards) -> None:
    import webdataset

    stream = webdataset.WebDataset(shards.tars, shardshuffle=False).decode(only=["json"])
    for sample in stream:
        assert sample["json"] == json.loads(shards.contents[sample["__key__"]]["json"])


def test_webdataset_shuffled_in_workers(shards: Shards) -> None:
    import webdataset

    stream = webdataset.WebDataset(shards.tars, shardshuffle=10, seed=1).shuffle(8).to_tuple("__key__", "mp4")
    loader = webdataset.WebLoader(stream, batch_size=None, num_workers=2)
    found = {str(key): video for key, video in loader}
    assert found == {key: members["mp4"] for key, members in shards.contents.items()}


def hugging_face(shards: Shards, folder: Path, **options: Any) -> Any:
    import datasets

    return datasets.load_dataset(
        "webdataset",
        data_files={"train": list(shards.tars)},
        split="train",
        cache_dir=str(folder / "cache"),
        **options,
    )


@pytest.mark.parametrize("streaming", [True, False])
def test_hugging_face_datasets(shards: Shards, tmp_path: Path, streaming: bool) -> None:
    import datasets

    # As bytes: its own features of sound and video decode with torchcodec, which may not be there.
    media = dict.fromkeys(("mp4", "whole.mp4", "flac"), datasets.Value("binary"))
    columns = {"__key__": datasets.Value("string"), "json": datasets.Json(), **media}
    found = hugging_face(shards, tmp_path, streaming=streaming, features=datasets.Features(columns))
    rows = {row["__key__"]: row for row in found}
    assert rows.keys() == shards.contents.keys()
    for key, members in shards.contents.items():
        assert {name: rows[key][name] for name in media} == {name: members.get(name) for name in media}
        # Its JSON reader is off by a bit in some numbers.
        read, written = rows[key]["json"], json.loads(members["json"])
        assert read.keys() == written.keys()
        assert [read[name] for name in ("key", "captions", "source")] == [
            written[name] for name in ("key", "captions", "source")
        ]


def test_hugging_face_datasets_finds_all_columns_by_itself(shards: Shards, tmp_path: Path) -> None:
    import datasets

    found = hugging_face(shards, tmp_path, streaming=True)
    assert set(found.features) == {"__key__", "__url__", "flac", "json", "mp4", "whole.mp4"}
    assert found.features["json"]["captions"]["speech"]["language"] == datasets.Value("string")


def test_hugging_face_decodes_our_media(shards: Shards, tmp_path: Path) -> None:
    from shards.reading.decode.torchcodec_video import load_torchcodec

    try:
        load_torchcodec()
    except RuntimeError as error:
        pytest.skip(f"Hugging Face datasets decode with torchcodec: {error}")
    for row in hugging_face(shards, tmp_path, streaming=True):
        assert len(row["mp4"]) == 10
        if row["flac"] is not None:
            assert row["flac"].get_all_samples().sample_rate == 16000


@pytest.mark.slow
def test_energon(shards: Shards, tmp_path: Path) -> None:
    """Prepared by its own command, read through a task encoder; every member arrives."""
    energon = pytest.importorskip("megatron.energon", reason="megatron-energon is not installed")
    # It writes its index among the tars.
    root = Path(shutil.copytree(shards.url, tmp_path / "energon"))
    (folder,) = {Path(tar).parent.relative_to(shards.url) for tar in shards.tars}
    parts = f"train:{folder}/{{000000..{len(shards.tars) - 1:06d}}}.tar"
    prepare = [
        str(Path(sys.executable).with_name("energon")),
        "prepare",
        "--non-interactive",
        "--no-progress",
    ]
    kind = ["--sample-type", "CrudeWebdataset"]
    subprocess.run(
        [*prepare, "--split-parts", parts, *kind, "--num-workers", "1", str(root)],
        check=True, capture_output=True,
    )  # fmt: skip

    @energon.stateless
    def cook(sample: Any) -> Any:
        return sample

    class Encoder(energon.DefaultTaskEncoder):  # type: ignore[misc]
        cookers = (energon.Cooker(cook),)
        decoder = None

    dataset = energon.get_train_dataset(
        root, worker_config=energon.WorkerConfig(rank=0, world_size=1, num_workers=0), batch_size=None,
        shuffle_buffer_size=None, max_samples_per_sequence=None, task_encoder=Encoder(), repeat=False,
    )  # fmt: skip
    found = {sample["__key__"].rsplit("/", 1)[-1]: sample for sample in energon.get_loader(dataset)}
    assert found.keys() == shards.contents.keys()
    for key, members in shards.contents.items():
        assert {name: hashlib.sha256(data).hexdigest() for name, data in members.items()} == {
            name: hashlib.sha256(data).hexdigest()
            for name, data in found[key].items()
            if isinstance(data, bytes)
        }

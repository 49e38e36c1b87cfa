"""Figures of a dataset are those of its samples."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from shards.reading.manifest import open_shards
from shards.reading.stats import Figures, stats
from shards.reading.tars import read_index
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset

CONFIG = SelectConfig(splits={"train": 0.6, "val": 0.4}, samples_per_shard=4)


@pytest.fixture
def url(workspace: Workspace) -> str:
    return write_dataset(workspace, make_records(workspace, 6, 3), CONFIG)


def test_figures_of_a_run(url: str) -> None:
    found = stats(url)
    values = found.to_dict()
    shards = open_shards(url).shards
    assert (values["samples"], values["shards"], values["duration_s"]) == (18, len(shards), 18.0)
    assert sum(part["samples"] for part in values["splits"].values()) == 18
    by_split = Counter({s.split: 0 for s in shards})
    for shard in shards:
        by_split[shard.split] += shard.num_samples
    assert {split: part["samples"] for split, part in values["splits"].items()} == by_split
    sizes = [sum(m.size for m in read_index(s)[row].members) for s in shards for row in range(s.num_samples)]
    assert values["size_bytes"] == sum(sizes) == sum(part["size_bytes"] for part in values["splits"].values())
    assert values["members"] == {"json": 18, "mp4": 18, "flac": 12}
    assert values["duration_quantiles_s"] == dict.fromkeys(values["duration_quantiles_s"], 1.0)
    assert values["languages"] == {"en": 18}
    assert values["licences"] == {"CC-BY-4.0": 18}
    assert values["resolutions"] == {"64x48": 18}
    assert values["rates_fps"] == {"10": 18}
    assert values["fused_kinds"] == {"AVS": 18}
    assert {(m["modality"], m["model"], m["samples"]) for m in values["models"]} == {
        (name, "measured", 18) for name in ("video", "audio", "speech", "fused")
    }


def test_workers_and_indexes_alone_count_the_same(url: str) -> None:
    assert stats(url, workers=2).to_dict() == stats(url).to_dict()
    values = stats(url, texts=False).to_dict()
    assert (values["samples"], values["languages"]) == (18, {})


def test_a_shard_that_cannot_be_read_is_named_and_the_rest_counted(url: str) -> None:
    shard = open_shards(url).shards[0]
    Path(url, shard.index_path).write_bytes(b"no index")
    values = stats(url).to_dict()
    assert list(values["unread"]) == [shard.url]
    assert values["samples"] == 18 - shard.num_samples


def test_strangers_texts_stay_bounded() -> None:
    figures = Figures()
    for number in range(30):
        figures.merge(Figures(languages=Counter({f"{number}-{n}": 1 for n in range(200)})))
    assert len(figures.languages) <= 1001
    assert figures.languages.total() == 6000

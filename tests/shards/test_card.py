"""A card says what the figures say, the same each time, and what strangers wrote stays text."""

from __future__ import annotations

from collections import Counter

import pytest
import yaml

from curation.base.storage import Storage
from curation.base.workspace import Workspace
from shards.reading.card import FunnelLine, card
from shards.reading.manifest import Shard
from shards.reading.stats import DatasetStats, Figures, stats
from shards.reading.tar_patterns import tar_patterns
from shards.writing.select import SelectConfig
from tests.shards.dataset import make_records, write_dataset


def front_matter(text: str) -> dict[str, object]:
    head = text.split("---\n")[1]
    values = yaml.safe_load(head)
    assert isinstance(values, dict)
    return values


def test_a_card(workspace: Workspace) -> None:
    url = write_dataset(
        workspace, make_records(workspace, 4, 3), SelectConfig(splits={"train": 0.5, "val": 0.5})
    )
    funnel = [FunnelLine("Files found", 5, ()), FunnelLine("Readable videos", 4, (("not media", 1),))]
    text = card(stats(url), "Red and blue", funnel)
    assert text == card(stats(url, workers=1), "Red and blue", funnel)
    assert front_matter(text) == {
        "pretty_name": "Red and blue",
        "license": "cc-by-4.0",
        "language": ["en"],
        "size_categories": ["n<1K"],
        "task_categories": ["text-to-video", "video-text-to-text"],
        "tags": ["webdataset", "audio", "video", "captions", "cliploom"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"*/{split}/*.tar"}
                    for split in sorted(stats(url).to_dict()["splits"])
                ],
            }
        ],
    }
    assert "12 samples, 0.0 hours" in text
    assert "| fused | measured | 1 | 12 |" in text
    assert "| Readable videos | 4 | 1 not media |" in text
    assert workspace.storage.url not in text


def test_strangers_texts_are_no_markup() -> None:
    figures = Figures(samples=1, licences=Counter({"<script>|x|\n# y `z`": 1, "none": 1}))
    figures.by_place["g", "train"] = 1
    figures.split_seconds["train"] = 0.0
    text = card(DatasetStats("0" * 64, 64, figures, {}), "a: [b\n--- |c")
    assert "<script>" not in text
    assert front_matter(text)["pretty_name"] == "a: [b\n--- |c"
    assert front_matter(text)["license"] == ["other", "unknown"]


@pytest.mark.parametrize(
    ("paths", "patterns"),
    [
        (
            {"train": ["g/train/0.tar", "h/train/1.tar"], "val": ["g/val/0.tar"]},
            {"train": ("*/train/*.tar",), "val": ("*/val/*.tar",)},
        ),
        ({"train": ["a.tar", "b.tar"]}, {"train": ("*.tar",)}),
        (
            {"train": ["train-0.tar", "train-1.tar"], "val": ["val-0.tar"]},
            {"train": ("train-*.tar",), "val": ("val-0.tar",)},
        ),
        ({"train": ["x/a.tar", "x/b.tar"]}, {"train": ("x/*.tar",)}),
        ({"train": ["a.tar", "c.tar"], "val": ["b.tar"]}, {"train": ("a.tar", "c.tar"), "val": ("b.tar",)}),
    ],
)
def test_patterns_fit_the_tars_of_a_split_alone(
    paths: dict[str, list[str]], patterns: dict[str, tuple[str, ...]]
) -> None:
    shards = [
        Shard(Storage("/set"), path, "", "", 0, split=split) for split, mine in paths.items() for path in mine
    ]
    assert tar_patterns(shards) == patterns


def test_a_card_of_tars_in_one_folder_leads_to_them() -> None:
    figures = Figures(samples=1)
    figures.by_place["indexed", "train"] = 1
    figures.split_seconds["train"] = 0.0
    text = card(DatasetStats("0" * 64, 64, figures, {}, {"train": ("*.tar",)}), "Set")
    assert 'data_files="FOLDER/*.tar"' in text
    assert front_matter(text)["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "*.tar"}]}
    ]

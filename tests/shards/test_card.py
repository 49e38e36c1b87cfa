"""A card says what the figures say, the same each time, and what strangers wrote stays text."""

from __future__ import annotations

from collections import Counter

import yaml

from curation.base.workspace import Workspace
from shards.reading.card import FunnelLine, card
from shards.reading.stats import DatasetStats, Figures, stats
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

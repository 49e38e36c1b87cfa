"""A dataset card: Markdown with the YAML header that Hugging Face reads, made of a dataset's figures alone.

The same figures give the same text: there is no date, host or path of this machine in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from shards.format import MEDIA_TYPES
from shards.reading.stats import NONE, DatasetStats

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
         (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))  # fmt: skip
LICENCES = {
    "cc0": "cc0-1.0", "cc0-1.0": "cc0-1.0", "public domain": "unlicense", "cc-by-4.0": "cc-by-4.0",
    "cc-by-3.0": "cc-by-3.0", "cc-by-2.0": "cc-by-2.0", "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0", "cc-by-nc-4.0": "cc-by-nc-4.0", "cc-by-nd-4.0": "cc-by-nd-4.0",
    "cc-by-nc-sa-4.0": "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0": "cc-by-nc-nd-4.0", "mit": "mit",
    "apache-2.0": "apache-2.0",
}  # fmt: skip
"""Licences as samples name them, and Hugging Face's identifiers."""
MAX_ROWS = 30


@dataclass(frozen=True)
class FunnelLine:
    """A step on the way from file to sample: how many came so far, and why others did not."""

    step: str
    count: int
    losses: tuple[tuple[str, int], ...]


def card(found: DatasetStats, name: str, funnel: Sequence[FunnelLine] = ()) -> str:
    """The card of a dataset, as Markdown."""
    values = found.to_dict()
    header = yaml.safe_dump(_header(values, name, found.tars), sort_keys=False, allow_unicode=True)
    parts = [
        f"---\n{header}---",
        f"# {_plain(name)}",
        "\n".join(_summary(values)),
        "\n".join(["## Splits", "", *_splits(values)]),
        "\n".join(["## What a sample holds", "", *_table(("member", "samples"), values["members"].items())]),
        "\n".join(["## Lengths", "", *_lengths(values)]),
    ]
    for title, column, key in (
        ("Languages", "language", "languages"),
        ("Licences of the sources", "licence", "licences"),
        ("Fused captions", "modalities", "fused_kinds"),
        ("Sizes", "width x height in pixels", "resolutions"),
        ("Frame rates", "frames per second", "rates_fps"),
    ):
        if values[key]:
            parts.append("\n".join([f"## {title}", "", *_table((column, "samples"), values[key].items())]))
    if values["models"]:
        rows = [
            (each["modality"], each["model"], each["revision"], each["samples"]) for each in values["models"]
        ]
        parts.append("\n".join(["## Models that wrote the texts", "", *_table(_MODELS, rows)]))
    if funnel:
        parts.append("\n".join(["## From file to sample", "", *_funnel(funnel)]))
    parts.append("\n".join(_loading(values, found.tars)))
    return "\n\n".join(parts) + "\n"


_MODELS = ("text", "model", "revision", "samples")


def _header(values: Mapping[str, Any], name: str, tars: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    kinds = {kind for kind, types in MEDIA_TYPES.items() if types & set(values["members"])}
    tasks = ["text-to-video", "video-text-to-text"] if "video" in kinds else []
    tasks += ["text-to-image", "image-to-text"] if "image" in kinds else []
    languages = sorted(each for each in values["languages"] if re.fullmatch(r"[a-z]{2,3}", each))
    licences = sorted(
        {"unknown" if each == NONE else LICENCES.get(each.lower(), "other") for each in values["licences"]}
    )
    header: dict[str, Any] = {"pretty_name": name}
    if licences:
        header["license"] = licences[0] if len(licences) == 1 else licences
    if languages:
        header["language"] = languages
    header["size_categories"] = [_size(values["samples"])]
    if tasks:
        header["task_categories"] = tasks
    header["tags"] = ["webdataset", *sorted(kinds - {"text"}), "captions", "cliploom"]
    files = [
        {"split": split, "path": _shown(_patterns(split, tars))}
        for split in sorted(values["splits"])
        if re.fullmatch(r"\w+", split)
    ]
    if files:
        header["configs"] = [{"config_name": "default", "data_files": files}]
    return header


def _size(samples: int) -> str:
    return next((name for most, name in SIZES if samples < most), "n>1T" if samples >= 10**12 else "1B<n<10B")


def _summary(values: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{values['samples']:,} samples, {values['hours']:,.1f} hours, {values['size_bytes'] / 1e9:,.2f} "
        f"GB in "
        f"{values['shards']:,} WebDataset shards."
    )
    yield ""
    yield f"Version: `{values['version']}`"
    if values["unread"]:
        yield ""
        yield f"**{len(values['unread'])} shards could not be read and are not counted.**"


def _splits(values: Mapping[str, Any]) -> list[str]:
    rows = [
        (split or "-", part["samples"], f"{part['duration_s'] / 3600:.2f}", f"{part['size_bytes'] / 1e9:.3f}")
        for split, part in values["splits"].items()
    ]
    return list(_table(("split", "samples", "hours", "GB"), rows))


def _lengths(values: Mapping[str, Any]) -> list[str]:
    durations, chars = values["duration_quantiles_s"], values["caption_chars_quantiles"]
    rows = [(f"{float(share):.0%}", durations[share], chars[share]) for share in durations]
    return list(_table(("of the samples at most", "seconds", "characters of caption"), rows))


def _funnel(lines: Sequence[FunnelLine]) -> list[str]:
    rows = [
        (line.step, line.count, ", ".join(f"{count:,} {why}" for why, count in line.losses) or "-")
        for line in lines
    ]
    return list(_table(("step", "count", "left out"), rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    listed = list(rows)
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in listed[:MAX_ROWS]:
        yield (
            "| "
            + " | ".join(f"{each:,}" if isinstance(each, int) else _plain(str(each)) for each in row)
            + " |"
        )
    if len(listed) > MAX_ROWS:
        yield f"| and {len(listed) - MAX_ROWS} more |" + " |" * (len(head) - 1)


def _loading(values: Mapping[str, Any], tars: Mapping[str, Sequence[str]]) -> Iterator[str]:
    split = min(values["splits"], key=lambda name: (name != "train", name), default="train") or "train"
    files = [f"FOLDER/{each}" for each in _patterns(split, tars)]
    shown = json.dumps(_shown(files), ensure_ascii=False)
    yield from (
        "## Loading", "",
        "```python",
        "from shards.reading import ShardReader  # exact order and resume, on any number of ranks", "",
        f'reader = ShardReader("FOLDER", split="{split}", seed=0)',
        "for sample, position in reader:",
        "    sample.key, sample.members  # bytes by extension",
        "```", "",
        "Any WebDataset reader, Hugging Face `datasets` and any tar tool read the shards too:", "",
        "```python",
        "from datasets import load_dataset", "",
        f'load_dataset("webdataset", data_files={shown}, split="train", streaming=True)',
        "```", "",
        "`datasets` looks at the first five samples of the first shard, and refuses the set where their",
        "members differ.",
    )  # fmt: skip


def _patterns(split: str, tars: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Where the tars of a split lie, below their folder. Bare ones are of no split."""
    return tars.get(split) or tars.get("") or (f"*/{split}/*.tar",)


def _shown(files: Sequence[str]) -> str | list[str]:
    return files[0] if len(files) == 1 else list(files)


def _plain(text: str) -> str:
    """Strangers' text inside Markdown: on one line, and without markup of any kind."""
    shown = "".join(each if each.isprintable() else " " for each in text)
    shown = re.sub(r"([\\|`*_\[\]])", r"\\\1", shown)
    return shown.replace("&", "&amp;").replace("<", "&lt;")

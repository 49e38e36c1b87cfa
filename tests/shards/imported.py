"""Small tables and media to import, and what came of them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from shards.reading.manifest import open_shards
from shards.reading.tars import read_index
from shards.writing.assembly.layout import Packing
from shards.writing.importing.run import ImportConfig, ImportReport, import_dataset
from tests.shards.dataset import encoded, free_box

CONFIG = ImportConfig(packing=Packing(3, 1 << 30, 0), dataset="a set", workers=2)


def video(name: str) -> bytes:
    return encoded("red")[0] + free_box(name)


def image(seed: int, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    with open(path, "w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def run(source: str | list[str], out: Path, config: ImportConfig = CONFIG) -> ImportReport:
    sources = [source] if isinstance(source, str) else source
    return import_dataset(sources, str(out), out.with_name(out.name + ".scratch"), config)


def samples(out: Path) -> dict[str, dict[str, bytes]]:
    found = {}
    for shard in open_shards(str(out)).shards:
        data, index = Path(shard.url).read_bytes(), read_index(shard)
        for row in range(len(index)):
            entry = index[row]
            found[entry.key] = {
                each.extension: data[each.offset : each.offset + each.size] for each in entry.members
            }
    return found


def rejects(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]


def files(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

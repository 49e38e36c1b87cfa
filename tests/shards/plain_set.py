"""Data sets of tiny samples, written directly: what matters is which keys come when."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.media_store import write_tar_member
from shards.format import INDEX_SCHEMA, MANIFEST_NAME, canonical_json, kept_manifest_path, manifest_version


def keys_of(name: str, count: int) -> list[str]:
    """Keys of a data set: its name and a number."""
    return [f"{name}-{number:04d}" for number in range(count)]


def write_set(
    folder: Path, generations: Mapping[str, Sequence[str]], *, lanes: int = 8, per_shard: int = 5
) -> str:
    """Shards of some keys by generation, all in the split `train`, and the manifest; returns the URL.

    Generations that are there already are left as they are.
    """
    listed = [
        {"generation": name, "splits": {"train": _write_generation(folder, name, list(keys), per_shard)}}
        for name, keys in generations.items()
    ]
    body = {"schema_version": 1, "lanes": lanes, "generations": listed}
    version = manifest_version(body)
    text = canonical_json({**body, "version": version})
    kept = folder / kept_manifest_path(version)
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(text)
    (folder / MANIFEST_NAME).write_text(text)
    return str(folder)


def _write_generation(folder: Path, name: str, keys: list[str], per_shard: int) -> list[dict[str, Any]]:
    parts = [keys[first : first + per_shard] for first in range(0, len(keys), per_shard)]
    return [_write_shard(folder, f"{name}/{number:06d}", part) for number, part in enumerate(parts)]


def _write_shard(folder: Path, path: str, keys: list[str]) -> dict[str, Any]:
    tar, rows = io.BytesIO(), []
    for key in keys:
        data = f'{{"key":"{key}"}}'.encode()
        offset = write_tar_member(tar, f"{key}.json", data)
        sha256 = hashlib.sha256(data).hexdigest()
        member = {"extension": "json", "offset": offset, "size": len(data), "sha256": sha256}
        rows.append(
            {"key": key, "duration_s": 1.0, "caption_chars": 0, "sha256": sha256, "members": [member]}
        )
    tar.write(bytes(1024))
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA), sink)
    contents = {f"{path}.tar": tar.getvalue(), f"{path}.index.parquet": sink.getvalue()}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    tar_sha256, index_sha256 = (hashlib.sha256(content).hexdigest() for content in contents.values())
    return {
        "path": f"{path}.tar",
        "sha256": tar_sha256,
        "size_bytes": len(tar.getvalue()),
        "index_path": f"{path}.index.parquet",
        "index_sha256": index_sha256,
        "num_samples": len(keys),
    }

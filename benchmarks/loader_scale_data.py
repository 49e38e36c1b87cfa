"""Data sets for measuring how reading scales: a million samples that take no room, and some real ones.

The large one is made of sparse tars: every sample is zeros, so that its hash is known and its bytes are
made by the file system as they are read. Its keys are those of foreign tars where asked for.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shards.format import INDEX_SCHEMA, MANIFEST_NAME, canonical_json, manifest_version

BLOCK = 512
MEMBER_BYTES = {"flac": 40_000, "json": 4_000, "mp4": 256_000}
"""A sample of about 300 KB, as the training form has."""


def sparse_data_set(folder: Path, num_shards: int, per_shard: int, *, foreign: bool = False) -> str:
    """A data set of `num_shards` x `per_shard` samples of zeros; returns its URL: of the folder, or of bare
    tars with indexes and keys like those of others, if `foreign`."""
    folder.mkdir(parents=True)
    digest = {name: hashlib.sha256(bytes(size)).hexdigest() for name, size in MEMBER_BYTES.items()}
    whole = hashlib.sha256(bytes(sum(MEMBER_BYTES.values()))).hexdigest()
    entries, step = [], sum(BLOCK + -(-size // BLOCK) * BLOCK for size in MEMBER_BYTES.values())
    for shard in range(num_shards):
        name = f"{shard:06d}"
        keys = [_key(shard, row, foreign) for row in range(per_shard)]
        index = _index(keys, step, digest, whole)
        (folder / f"{name}.index.parquet").write_bytes(index)
        size = per_shard * step + 2 * BLOCK
        with open(folder / f"{name}.tar", "wb") as tar:
            tar.truncate(size)
        entries.append(_entry(name, size, hashlib.sha256(name.encode()).hexdigest(), index, per_shard))
    if foreign:
        return f"{folder}/{{000000..{num_shards - 1:06d}}}.tar"
    _write_manifest(folder, entries)
    return str(folder)


def real_data_set(folder: Path, num_shards: int, per_shard: int) -> str:
    """A small data set of random bytes with true hashes; returns the URL of its folder."""
    folder.mkdir(parents=True)
    random, entries = np.random.Generator(np.random.Philox(key=0)), []
    for shard in range(num_shards):
        tar, rows = io.BytesIO(), []
        for row in range(per_shard):
            members, whole = [], hashlib.sha256()
            for extension, size in MEMBER_BYTES.items():
                data = random.bytes(size)
                tar.write(bytes(BLOCK))
                members.append(
                    {
                        "extension": extension,
                        "offset": tar.tell(),
                        "size": size,
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                )
                whole.update(data)
                tar.write(data + bytes(-size % BLOCK))
            key = _key(shard, row, foreign=False)
            rows.append(
                {"key": key, "duration_s": 10.0, "caption_chars": 100, "sha256": whole.hexdigest(),
                 "members": members}
            )  # fmt: skip
        tar.write(bytes(2 * BLOCK))
        index = _parquet(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA))
        name, data = f"{shard:06d}", tar.getvalue()
        (folder / f"{name}.tar").write_bytes(data)
        (folder / f"{name}.index.parquet").write_bytes(index)
        entries.append(_entry(name, len(data), hashlib.sha256(data).hexdigest(), index, per_shard))
    _write_manifest(folder, entries)
    return str(folder)


def _key(shard: int, row: int, foreign: bool) -> str:
    if foreign:
        return f"v1.0/part {shard:04d}/{row:08d}"
    return hashlib.md5(f"{shard} {row}".encode()).hexdigest()


def _index(keys: Sequence[str], step: int, digest: dict[str, str], whole: str) -> bytes:
    offsets, at = [], BLOCK
    for size in MEMBER_BYTES.values():
        offsets.append(at)
        at += -(-size // BLOCK) * BLOCK + BLOCK
    names, count = list(MEMBER_BYTES), len(keys)
    starts = np.arange(count, dtype=np.int64)[:, None] * step
    members = pa.StructArray.from_arrays(
        [
            pa.array(names * count),
            pa.array((starts + np.asarray(offsets)).reshape(-1)),
            pa.array(list(MEMBER_BYTES.values()) * count, pa.int64()),
            pa.array([digest[name] for name in names] * count),
        ],
        fields=list(INDEX_SCHEMA.field("members").type.value_type),
    )
    places = pa.array(np.arange(count + 1, dtype=np.int32) * len(names))
    columns = [
        pa.array(keys),
        pa.array([10.0] * count),
        pa.array([100] * count, pa.int64()),
        pa.array([whole] * count),
        pa.ListArray.from_arrays(places, members, type=INDEX_SCHEMA.field("members").type),
    ]
    return _parquet(pa.Table.from_arrays(columns, schema=INDEX_SCHEMA))


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _entry(name: str, size: int, sha256: str, index: bytes, num_samples: int) -> dict[str, Any]:
    return {
        "path": f"{name}.tar",
        "sha256": sha256,
        "size_bytes": size,
        "index_path": f"{name}.index.parquet",
        "index_sha256": hashlib.sha256(index).hexdigest(),
        "num_samples": num_samples,
        "duration_s": 10.0 * num_samples,
    }


def _write_manifest(folder: Path, entries: Sequence[dict[str, Any]]) -> None:
    manifest = {
        "schema_version": 1,
        "lanes": 64,
        "generations": [{"generation": "g0", "splits": {"train": list(entries)}}],
    }
    text = canonical_json({**manifest, "version": manifest_version(manifest)})
    (folder / MANIFEST_NAME).write_text(text)

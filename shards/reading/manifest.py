"""From URLs to a list of shards: a manifest, a folder that holds one, or tars with their indexes."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.storage import Storage
from shards.format import DEFAULT_LANES, MANIFEST_NAME, MANIFEST_SCHEMA_VERSION, index_path, manifest_version
from shards.reading.errors import ShardError
from shards.reading.urls import check_url, expand, split_url

_RELATIVE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@dataclass(frozen=True)
class Shard:
    """A tar and its index, by name below a storage. `sha256` and `size_bytes` of the tar are None
    where there is no manifest to tell them."""

    storage: Storage
    path: str
    index_path: str
    index_sha256: str
    num_samples: int
    generation: str = ""
    split: str = ""
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def url(self) -> str:
        """The full URL of the tar."""
        return self.storage.uri(self.path)


@dataclass(frozen=True)
class ShardList:
    """The shards that some URLs name. `version` is the manifest's hash; of several manifests, or of
    tars without one, a hash over theirs, or over their indexes'. `splits` is empty for bare tars."""

    version: str
    lanes: int
    shards: tuple[Shard, ...]
    splits: tuple[str, ...]

    def of_split(self, split: str) -> tuple[Shard, ...]:
        """The shards of a split; bare tars are of any.

        Raises:
            ShardError: there is no such split, or nothing in it.
        """
        found = tuple(shard for shard in self.shards if shard.split in ("", split))
        if not sum(shard.num_samples for shard in found):
            where = self.shards[0].storage.url if self.shards else "this dataset"
            there = ", ".join(self.splits) or "none"
            raise ShardError(f"{where}: no samples in split '{split}'; there are: {there}")
        return found


def open_shards(urls: str | Sequence[str]) -> ShardList:
    """The shards behind one URL or several.

    A URL is a folder with a `manifest.json`, the manifest itself, or tars (`{000000..000003}.tar`,
    `*.tar`) with their indexes beside them.

    Raises:
        ShardError: a URL is refused or its manifest cannot be used.
        FileNotFoundError: there is nothing at a URL.
    """
    given = [urls] if isinstance(urls, str) else list(urls)
    if not given:
        raise ShardError("no shard URL was given")
    for url in given:
        check_url(url)
    lists = [_open_tars(url) if url.endswith(".tar") else _open_manifest(url) for url in given]
    if len(lists) == 1:
        return lists[0]
    lanes = {one.lanes for one in lists}
    if len(lanes) > 1:
        raise ShardError(f"the manifests of {', '.join(given)} differ in lanes: {sorted(lanes)}")
    return ShardList(
        version=_join_versions([one.version for one in lists]),
        lanes=lanes.pop(),
        shards=tuple(shard for one in lists for shard in one.shards),
        splits=tuple(sorted({split for one in lists for split in one.splits})),
    )


def _open_manifest(url: str) -> ShardList:
    folder = split_url(url)[0] if url.endswith(".json") else url
    name = split_url(url)[1] if url.endswith(".json") else MANIFEST_NAME
    storage = Storage(folder)
    try:
        data = storage.read_bytes(name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{storage.uri(name)}: no manifest there. Give the `shards` folder of a finished run, "
            f"its {MANIFEST_NAME}, or tars: {storage.url}/<generation>/train/*.tar"
        ) from None
    where = storage.uri(name)
    try:
        manifest = json.loads(data)
        if manifest["schema_version"] != MANIFEST_SCHEMA_VERSION:
            raise ShardError(
                f"{where}: schema_version is {manifest['schema_version']!r}, this version of Cliploom "
                f"reads {MANIFEST_SCHEMA_VERSION}"
            )
        version = manifest_version(manifest)
        if version != manifest["version"]:
            raise ShardError(f"{where}: its content hashes to {version}, but it says {manifest['version']}")
        return _parse(storage, manifest)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, ShardError):
            raise
        raise ShardError(f"{where}: not a manifest of shards ({error!r})") from error


def _parse(storage: Storage, manifest: Mapping[str, Any]) -> ShardList:
    shards = tuple(
        Shard(
            storage=storage,
            path=_relative(entry["path"]),
            index_path=_relative(entry["index_path"]),
            index_sha256=str(entry["index_sha256"]),
            num_samples=_count(entry["num_samples"]),
            generation=str(generation["generation"]),
            split=split,
            sha256=str(entry["sha256"]),
            size_bytes=_count(entry["size_bytes"]),
        )
        for generation in manifest["generations"]
        for split, entries in sorted(generation["splits"].items())
        for entry in entries
    )
    lanes = _count(manifest["lanes"])
    if not lanes:
        raise ValueError("lanes = 0")
    splits = tuple(sorted({shard.split for shard in shards}))
    return ShardList(version=manifest["version"], lanes=lanes, shards=shards, splits=splits)


def _open_tars(url: str) -> ShardList:
    shards = []
    for one in expand(url):
        folder, name = split_url(one)
        storage, index = Storage(folder), index_path(name)
        try:
            data = storage.read_bytes(index)
        except FileNotFoundError:
            raise FileNotFoundError(f"{one}: no index beside it ({index}), which exact order needs") from None
        try:
            num_samples = pq.read_metadata(io.BytesIO(data)).num_rows
        except pa.ArrowInvalid as error:
            raise ShardError(f"{storage.uri(index)}: not an index ({error})") from error
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(storage, name, index, digest, num_samples))
    version = _join_versions([shard.index_sha256 for shard in shards])
    return ShardList(version=version, lanes=DEFAULT_LANES, shards=tuple(shards), splits=())


def _join_versions(versions: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _relative(path: Any) -> str:
    if not isinstance(path, str) or not _RELATIVE.fullmatch(path):
        raise ValueError(f"{path!r} is not a path below the manifest")
    return path


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value

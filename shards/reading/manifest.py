"""From URLs to a list of shards: a manifest, a folder that holds one, or tars with their indexes.

The newest manifest lies under a name of its own; every manifest is also kept under its version, so that
a pass that began with an older one can be finished.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.storage import Storage, is_local, normalise
from shards.format import (
    DEFAULT_LANES,
    GENERATION_NAME,
    MANIFEST_NAME,
    MANIFEST_SCHEMA_VERSION,
    MANIFESTS_FOLDER,
    SHA256,
    SPLIT_NAME,
    index_path,
    kept_manifest_path,
    manifest_version,
)
from shards.reading.errors import ManifestGoneError, ShardError
from shards.reading.files import read_file, read_files
from shards.reading.urls import check_url, expand, split_url

RELATIVE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")

OPENING_RETRY_S = 20.0
"""How long faults are borne when a dataset is opened: a mistyped host should be named soon."""


@dataclass(frozen=True)
class Shard:
    """A tar and its index, by name below a storage. `sha256` and `size_bytes` of the tar are None
    where there is no manifest to tell them; the index lies in another storage where one is given."""

    storage: Storage
    path: str
    index_path: str
    index_sha256: str
    num_samples: int
    generation: str = ""
    split: str = ""
    sha256: str | None = None
    size_bytes: int | None = None
    index_storage: Storage | None = None

    @property
    def url(self) -> str:
        """The full URL of the tar."""
        return self.storage.uri(self.path)

    @property
    def index_url(self) -> str:
        """The full URL of the index."""
        return (self.index_storage or self.storage).uri(self.index_path)

    def read_index(self) -> bytes:
        """The bytes of the index."""
        return read_file(self.index_url)


@dataclass(frozen=True)
class ShardList:
    """The shards that some URLs name. `version` is the manifest's hash; of several manifests, or of
    tars without one, a hash over theirs, or over their indexes'. `parts` are the versions of each URL.
    `splits` is empty for bare tars."""

    version: str
    lanes: int
    shards: tuple[Shard, ...]
    splits: tuple[str, ...]
    parts: tuple[str, ...]

    def generations(self, split: str) -> tuple[str, ...]:
        """The generations with samples in a split, in the manifest's order."""
        inside = (shard for shard in self.shards if shard.split in ("", split) and shard.num_samples)
        return tuple(dict.fromkeys(shard.generation for shard in inside))

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
    given = as_urls(urls)
    return _join(given, [_open_tars(url) if url.endswith(".tar") else _open_manifest(url) for url in given])


def open_version(urls: str | Sequence[str], newest: ShardList, parts: Sequence[str]) -> ShardList:
    """The shards that the same URLs named when their versions were `parts`.

    Raises:
        ManifestGoneError: the manifest of a version is not kept there.
        ShardError: it cannot be used.
    """
    given = as_urls(urls)
    if tuple(parts) == newest.parts:
        return newest
    if len(given) != len(parts):
        raise ManifestGoneError(f"{len(parts)} URLs were read before, {len(given)} are given now")
    return _join(given, [_open_kept(url, version) for url, version in zip(given, parts, strict=True)])


def as_urls(urls: str | Sequence[str]) -> list[str]:
    """One URL or several as a list, each of a kind that is read.

    Raises:
        ShardError: there is none, or one is refused.
    """
    given = [urls] if isinstance(urls, str) else list(urls)
    if not given:
        raise ShardError("no shard URL was given")
    for url in given:
        check_url(url)
    return given


def _join(given: Sequence[str], lists: Sequence[ShardList]) -> ShardList:
    if len(lists) == 1:
        return lists[0]
    lanes = {one.lanes for one in lists}
    if len(lanes) > 1:
        raise ShardError(f"the manifests of {', '.join(given)} differ in lanes: {sorted(lanes)}")
    return ShardList(
        version=join_versions([one.version for one in lists]),
        lanes=lanes.pop(),
        shards=tuple(shard for one in lists for shard in one.shards),
        splits=tuple(sorted({split for one in lists for split in one.splits})),
        parts=tuple(one.version for one in lists),
    )


def _open_kept(url: str, version: str) -> ShardList:
    """The list of a version that is no more, or still, the newest at a URL."""
    try:
        newest = _open_tars(url) if url.endswith(".tar") else _open_manifest(url)
    except FileNotFoundError:
        newest = None
    if newest is not None and newest.version == version:
        return newest
    storage, _ = _manifest_place(url)
    kept = kept_manifest_path(version)
    try:
        return _read_manifest(storage, kept)
    except FileNotFoundError:
        raise ManifestGoneError(
            f"{storage.uri(kept)}: not there, so version {version} cannot be read"
        ) from None


def _open_manifest(url: str) -> ShardList:
    storage, name = _manifest_place(url)
    try:
        return _read_manifest(storage, name)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{storage.uri(name)}: no manifest there. Give the `shards` folder of a finished run, "
            f"its {MANIFEST_NAME}, or tars: {storage.url}/<generation>/train/*.tar"
        ) from None


def _manifest_place(url: str) -> tuple[Storage, str]:
    """The folder that a manifest's paths are relative to, and the manifest's own path in it."""
    if not url.endswith(".json"):
        return Storage(url if not url.endswith(".tar") else split_url(url)[0]), MANIFEST_NAME
    folder, name = split_url(url)
    above, last = split_url(folder)
    if last == MANIFESTS_FOLDER:
        return Storage(above), f"{last}/{name}"
    return Storage(folder), name


def _read_manifest(storage: Storage, name: str) -> ShardList:
    where = storage.uri(name)
    data = read_file(where, retry_s=OPENING_RETRY_S)
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
    tars = storage
    if "tars" in manifest:
        # Tars that were indexed where nothing could be written beside them.
        tars = tars_elsewhere(storage, str(manifest["tars"]))
    shards = tuple(
        Shard(
            storage=tars,
            index_storage=storage,
            path=_relative(entry["path"]),
            index_path=_relative(entry["index_path"]),
            index_sha256=_matching(SHA256, entry["index_sha256"], "a sha256"),
            num_samples=_count(entry["num_samples"]),
            generation=_matching(GENERATION_NAME, generation["generation"], "the name of a generation"),
            split=_matching(SPLIT_NAME, split, "the name of a split"),
            sha256=_matching(SHA256, entry["sha256"], "a sha256"),
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
    version = str(manifest["version"])
    return ShardList(version=version, lanes=lanes, shards=shards, splits=splits, parts=(version,))


def tars_elsewhere(storage: Storage, url: str) -> Storage:
    """The place of tars that do not lie with their manifest.

    Who wrote a manifest on this machine may name any. One from elsewhere is not to have files of this machine
    read, nor what its login opens in other places.

    Raises:
        ShardError: it names such a place.
    """
    check_url(url)
    if is_local(storage.url):
        return Storage(url)
    here, there = urlsplit(storage.url), urlsplit(url)
    if is_local(url) or (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise ShardError(
            f"{storage.url}: its manifest says that the tars lie at {url}; one that is not on this machine "
            f"may name places of {here.scheme}://{here.netloc} only. If you trust it, copy the manifest and "
            "its indexes to a local folder."
        )
    return Storage(url)


def _open_tars(url: str) -> ShardList:
    shards, tars = [], expand(url)
    found = read_files(index_path(normalise(one)) for one in tars)
    for one, data in zip(tars, found, strict=True):
        folder, name = split_url(one)
        storage, index = Storage(folder), index_path(name)
        if isinstance(data, FileNotFoundError):
            raise FileNotFoundError(f"{one}: no index beside it ({index}), which exact order needs") from data
        try:
            num_samples = pq.read_metadata(io.BytesIO(data)).num_rows
        except pa.ArrowInvalid as error:
            raise ShardError(f"{storage.uri(index)}: not an index ({error})") from error
        digest = hashlib.sha256(data).hexdigest()
        shards.append(Shard(storage, name, index, digest, num_samples))
    version = join_versions([shard.index_sha256 for shard in shards])
    return ShardList(version, lanes=DEFAULT_LANES, shards=tuple(shards), splits=(), parts=(version,))


def join_versions(versions: Sequence[str]) -> str:
    """One version for several."""
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()


def _relative(path: Any) -> str:
    if not isinstance(path, str) or not RELATIVE_PATH.fullmatch(path):
        raise ValueError(f"{path!r} is not a path below the manifest")
    return path


def _matching(pattern: re.Pattern[str], value: Any, what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{value!r} is not {what}")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value

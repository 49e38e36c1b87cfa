"""An index and a manifest for tars that anyone wrote, so that they are read in exact order.

The tars stay as they are. What no reader of ours reads is left out and counted, and so is a sample whose
members lie apart, or that has two members of one type: a reader would have to guess which belong together.
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from curation.base.storage import Storage, normalise, open_file_system
from shards.format import DEFAULT_LANES, INDEXED, MANIFEST_NAME, SPLIT_NAME, canonical_json, index_path
from shards.reading.errors import ShardError
from shards.reading.manifest import RELATIVE_PATH, as_urls, open_shards, tars_elsewhere
from shards.reading.tar import BROKEN
from shards.reading.tars import check_uncompressed
from shards.reading.urls import expand
from shards.records import ShardFile
from shards.writing.index_tar import IndexedTar, index_tar
from shards.writing.manifest import write_manifest
from shards.writing.outputs import check_writable

STATE_NAME = "indexed.json"
"""What was indexed, beside the manifest: with it an index is made again only for tars that changed."""
STATE_FORMAT = 1
SAVE_EVERY = 64
DEFAULT_SPLIT = "train"
_MARKS = ("ETag", "etag", "mtime", "LastModified", "md5")


@dataclass(frozen=True, kw_only=True)
class IndexConfig:
    """`output` is the folder of indexes and manifest, beside the tars by default. `splits` are (name, glob)
    pairs; a tar is of the first split whose glob fits its path below the tars' common folder, else of
    `train` if there are none. With `probe`, durations that no .json tells are measured."""

    output: str | None = None
    splits: tuple[tuple[str, str], ...] = ()
    lanes: int = DEFAULT_LANES
    probe: bool = False
    workers: int = 1


@dataclass
class IndexReport:
    """What was indexed. `left_out_members` are by extension, `left_out_samples` by reason; `odd` counts what
    else is odd about the tars; `without_duration` samples have video or sound, and nobody tells how much.
    `broken` tars, by path, end early, have a part that is no tar, or are none; the values name the faults."""

    version: str = ""
    num_tars: int = 0
    num_unchanged: int = 0
    num_samples: int = 0
    without_duration: int = 0
    left_out_members: Counter[str] = field(default_factory=Counter)
    left_out_samples: Counter[str] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()
        }


def index_tars(
    urls: str | Sequence[str],
    config: IndexConfig,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> IndexReport:
    """Index every tar that is new or has changed since the last time, and write the manifest of all.

    Raises:
        ShardError: a URL is refused or is no tar, a split has a bad name or no tar, or a manifest is there
            that another command wrote, or the store cannot be written to.
        FileNotFoundError: there is no tar.
    """
    _check_splits(config.splits)
    tars = _tars(urls)
    root = Storage(_common_folder(tars))
    paths = [tar[len(root.url) + 1 :] for tar in tars]
    output = root if config.output is None else Storage(config.output)
    check_writable(output.url, "Put indexes and manifest elsewhere with --output FOLDER")
    if output.url != root.url:
        tars_elsewhere(output, root.url)
    for path in paths:
        _check_path(path, root.url)
    known = _known(output, root, config)
    split_of = _splits(paths, config.splits)
    marks = {path: _mark(root, path) for path in paths}
    fresh = [path for path in paths if known.get(path, {}).get("mark") != marks[path]]
    report = IndexReport(num_tars=len(paths), num_unchanged=len(paths) - len(fresh))
    rows = {path: known[path] for path in paths if path not in set(fresh)}
    done = len(rows)
    for path, made in _index(root, output, fresh, config):
        rows[path] = {"mark": marks[path], **made.to_dict()}
        done += 1
        if done % SAVE_EVERY == 0:
            _save(output, root, config, rows)
        told(done, len(paths))
    _summarise(report, rows)
    files = [_shard_file(path, split_of[path], rows[path]) for path in paths if rows[path]["num_samples"]]
    files.sort(key=lambda file: (file.split, file.path))
    if not files:
        raise ShardError(
            f"{', '.join(as_urls(urls))}: no sample in any of {len(paths)} tars; {_said(report)}"
        )
    manifest = write_manifest(output, files, config.lanes, tars=None if output.url == root.url else root.url)
    _save(output, root, config, rows)
    report.version = str(manifest["version"])
    return report


def _index(
    root: Storage, output: Storage, paths: Sequence[str], config: IndexConfig
) -> Iterator[tuple[str, IndexedTar]]:
    """Index some tars, several at a time."""

    def work(path: str) -> IndexedTar:
        made = index_tar(root, path, probe=config.probe)
        output.write_bytes(index_path(path), made.index)
        return made

    with ThreadPoolExecutor(config.workers, thread_name_prefix="index") as pool:
        waiting: deque[tuple[str, Future[IndexedTar]]] = deque()
        for path in paths:
            waiting.append((path, pool.submit(work, path)))
            if len(waiting) >= 2 * config.workers:
                done, made = waiting.popleft()
                yield done, made.result()
        for done, made in waiting:
            yield done, made.result()


def _tars(urls: str | Sequence[str]) -> list[str]:
    """The tars that URLs name, a folder standing for all below it; sorted, each once."""
    found: set[str] = set()
    for url in as_urls(urls):
        check_uncompressed(url)
        if url.endswith(".tar"):
            found.update(normalise(each) for each in expand(url))
            continue
        storage = Storage(url)
        below = [storage.uri(path) for path in storage.list() if path.endswith(".tar")]
        if not below:
            raise FileNotFoundError(
                f"{url}: no .tar file there. Give tars ({{000000..000009}} and * expand), or a folder with "
                f"tars"
            )
        found.update(below)
    return sorted(found)


def _common_folder(tars: Sequence[str]) -> str:
    folders = [tar.rpartition("/")[0].split("/") for tar in tars]
    common = folders[0]
    for other in folders[1:]:
        same = next((n for n, (a, b) in enumerate(zip(common, other, strict=False)) if a != b), None)
        common = common[: min(len(common), len(other)) if same is None else same]
    if not "".join(common) or common[-1].endswith(":") or (len(common) < 3 and "://" in tars[0]):
        raise ShardError(
            f"{tars[0]} and {tars[-1]} have no folder in common. Index them one folder at a time"
        )
    return "/".join(common)


def _check_path(path: str, root: str) -> None:
    if not RELATIVE_PATH.fullmatch(path):
        raise ShardError(
            f"{root}/{path}: a tar's name may have letters, digits, '.', '-' and '_'. Rename it, or link "
            f"to it"
        )


def _check_splits(splits: Sequence[tuple[str, str]]) -> None:
    for name, _ in splits:
        if not SPLIT_NAME.fullmatch(name):
            raise ShardError(f"--split {name}: use lower-case letters, digits, - and _")


def _splits(paths: Sequence[str], splits: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The split of every tar."""
    found = {path: _split(path, splits) for path in paths}
    for name, glob in splits:
        if name not in found.values():
            raise ShardError(f"--split {name}={glob}: fits no tar, e.g. not {paths[0]}")
    return found


def _split(path: str, splits: Sequence[tuple[str, str]]) -> str:
    if not splits:
        return DEFAULT_SPLIT
    for name, glob in splits:
        if fnmatchcase(path, glob):
            return name
    globs = ", ".join(f"{name}={glob}" for name, glob in splits)
    raise ShardError(f"{path}: fits none of the splits ({globs}). Add one, e.g. --split train='*'")


def _known(output: Storage, root: Storage, config: IndexConfig) -> dict[str, Any]:
    """What was indexed before in the same way, by path."""
    if output.exists(MANIFEST_NAME):
        others = {shard.generation for shard in open_shards(output.url).shards} - {INDEXED}
        if others:
            raise ShardError(
                f"{output.uri(MANIFEST_NAME)}: was not written by this command, and is left as it is. Put "
                f"the "
                "indexes elsewhere with --output FOLDER"
            )
    try:
        state = json.loads(output.read_bytes(STATE_NAME))
        same = (
            state["format"] == STATE_FORMAT and state["tars"] == root.url and state["probe"] == config.probe
        )
        return dict(state["rows"]) if same else {}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _save(output: Storage, root: Storage, config: IndexConfig, rows: Mapping[str, Any]) -> None:
    state = {"format": STATE_FORMAT, "tars": root.url, "probe": config.probe, "rows": rows}
    output.write_bytes(STATE_NAME, canonical_json(state).encode() + b"\n")


def _mark(root: Storage, path: str) -> list[Any]:
    """Size and time of a tar, or its etag: a change of it shows."""
    if root.local_root is not None:
        status = os.stat(root.local_root / path)
        return [status.st_size, status.st_mtime_ns]
    fs, place = open_file_system(root.uri(path))
    info = fs.info(place)
    return [info.get("size"), *(str(info[name]) for name in _MARKS if info.get(name) is not None)]


def _shard_file(path: str, split: str, row: Mapping[str, Any]) -> ShardFile:
    return ShardFile(
        shard_id=f"{INDEXED}/{split}/{path}",
        generation=INDEXED,
        split=split,
        path=path,
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        index_path=index_path(path),
        index_sha256=row["index_sha256"],
        num_samples=row["num_samples"],
        duration_s=row["duration_s"],
        sample_ids=(),
    )


def _summarise(report: IndexReport, rows: Mapping[str, Mapping[str, Any]]) -> None:
    for path, row in sorted(rows.items()):
        report.num_samples += row["num_samples"]
        report.without_duration += row["without_duration"]
        report.left_out_members.update(row["left_out_members"])
        report.left_out_samples.update(row["left_out_samples"])
        report.odd.update(row["odd"])
        report.details += [f"{path}: {detail}" for detail in row["details"]]
        faults = [odd.value for odd in BROKEN if row["odd"].get(odd.value)]
        if faults:
            report.broken[path] = ", ".join(faults)


def _said(report: IndexReport) -> str:
    counted = report.left_out_members + report.left_out_samples + report.odd
    return (
        "left out: " + ", ".join(f"{count} {name}" for name, count in counted.most_common())
        if counted
        else "they are empty"
    )

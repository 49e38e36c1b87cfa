"""Finding the input files of a run."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from curation.base.ids import hash_id
from curation.base.records import from_arrow
from curation.base.storage import is_local, normalise, open_file_system
from curation.base.tables import Tables, rows
from curation.records import Input

STAGE_KEY = "discovery"
RUN_FOLDERS = ("runs", "logs", "lease", "tables", "media", "shards", "report", "training")
"""What a run writes below its output folder."""


class NoInput(ValueError):
    """A path that the user gave holds no files, or is not there."""


@dataclass(frozen=True)
class _Found:
    """A file by the name it was found under; `place` is where it lies, links resolved."""

    uri: str
    place: str
    size_bytes: int
    fingerprint: str


def find_inputs(paths: Sequence[str], *, exclude: Sequence[str] = ()) -> list[Input]:
    """Every file at or below some paths or URLs, sorted by URI; hidden files are passed over.

    On a local disk links are followed, each folder is entered once, and what is no file (a pipe, a
    socket, a dangling link) is passed over. A name that is no UTF-8 has `\\xNN` for its odd bytes.

    `exclude` are outputs of runs: one below a path is left out whole; of one that is the path itself,
    or around it, the folders that runs write are left out.

    Raises:
        NoInput: a path is not there, or holds no file.
    """
    found: dict[str, Input] = {}
    for path in paths:
        normal = normalise(path)
        folders = _excluded(_place(normal), [_place(output) for output in exclude])
        every = list(_walk_local(normal) if is_local(normal) else _walk_remote(normal))
        here = [file for file in every if not _below(file.place, folders)]
        if not here:
            why = "no files there but those of the run itself" if every else "no files there"
            raise NoInput(f"--input {path}: {why}. Give a video file, a folder, or an fsspec URL.")
        found.update({file.uri: _input(file) for file in here})
    return [found[uri] for uri in sorted(found)]


def gone_inputs(known: Iterable[Input], found: Iterable[Input]) -> set[str]:
    """Ids of known inputs on this machine that were not found again and are not there any more."""
    here = {record.uri for record in found}
    return {
        record.input_id
        for record in known
        if record.uri not in here and is_local(record.uri) and not os.path.exists(record.uri)
    }


class InputTable:
    """The inputs of a run: what was ever discovered, the newest look at each URI."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def read(self) -> list[Input]:
        """The newest look at each known input, in order of arrival."""
        table = self._tables.read(Input.TABLE)
        if table is None:
            return []
        # A dict keeps a key where it first came: newer looks replace the record, not its place.
        latest: dict[str, Input] = {}
        for record in sorted(from_arrow(Input, table), key=lambda record: (record.batch, record.uri)):
            latest[record.uri] = record
        return list(latest.values())

    def add(self, found: Iterable[Input], attempt: str) -> list[Input]:
        """Append inputs that are new or have changed; returns all known ones."""
        known = {record.uri: record for record in self.read()}
        batch = 1 + max((record.batch for record in known.values()), default=-1)
        fresh = [
            replace(record, batch=batch)
            for record in found
            if record.uri not in known or known[record.uri].digest() != record.digest()
        ]
        if fresh:
            parts = [rows(Input, [record], record.input_id, STAGE_KEY, attempt) for record in fresh]
            self._tables.append(Input.TABLE, pa.concat_tables(parts))
        return self.read()


def _input(file: _Found) -> Input:
    return Input(
        input_id=hash_id("input", file.uri),
        uri=file.uri,
        size_bytes=file.size_bytes,
        fingerprint=file.fingerprint,
        batch=0,
    )


def _walk_local(path: str) -> Iterator[_Found]:
    # Links wait, so that a folder goes by its own name where it has one below the path.
    folders, links, entered = [path], list[str](), set[str]()
    if os.path.isfile(path):
        yield from _local_file(path, os.path.realpath(path))
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(folder)
        if real in entered:
            continue
        entered.add(real)
        for entry in _entries(folder):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif os.path.isdir(entry.path):
                links.append(entry.path)
            else:
                place = os.path.join(real, entry.name)
                yield from _local_file(entry.path, os.path.realpath(place) if entry.is_symlink() else place)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        # Not there, no folder, or not to be read: nothing is found below it.
        return []


def _local_file(path: str, place: str) -> Iterator[_Found]:
    try:
        status = os.stat(path)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode):
        uri = os.fsencode(path).decode("utf-8", "backslashreplace")
        yield _Found(uri, place, status.st_size, str(status.st_mtime_ns))


def _walk_remote(url: str) -> Iterator[_Found]:
    fs, root = open_file_system(url)
    fs.invalidate_cache()
    details: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(FileNotFoundError):
        details = {root: fs.info(root)} if fs.isfile(root) else fs.find(root, detail=True)
    for name, info in details.items():
        if info.get("size") is None:
            raise NoInput(
                f"--input {url}: the server does not say how large {name} is. Download it, or give an S3 URL."
            )
        hidden = any(part.startswith(".") for part in name[len(root) :].split("/"))
        if info.get("type", "file") == "file" and not hidden:
            uri = fs.unstrip_protocol(name)
            yield _Found(uri, uri, int(info["size"]), _fingerprint(info))


def _fingerprint(info: dict[str, Any]) -> str:
    for name in ("ETag", "etag", "mtime", "LastModified", "md5"):
        if info.get(name) is not None:
            return str(info[name]).strip('"')
    return ""


def _place(url: str) -> str:
    """Where something lies: links resolved, a URL in the spelling of its file system."""
    if is_local(url):
        return os.path.realpath(url)
    fs, root = open_file_system(url)
    return str(fs.unstrip_protocol(root))


def _excluded(root: str, outputs: Sequence[str]) -> list[str]:
    """The folders below which nothing is an input of a path."""
    folders = []
    for output in outputs:
        around = _below(root, [output])
        folders += [f"{output.rstrip('/')}/{name}" for name in RUN_FOLDERS] if around else [output]
    return folders


def _below(place: str, folders: Sequence[str]) -> bool:
    return any(place == folder or place.startswith(folder.rstrip("/") + "/") for folder in folders)

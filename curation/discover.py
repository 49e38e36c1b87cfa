"""Finding the input files of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from curation.base.ids import hash_id
from curation.base.records import from_arrow
from curation.base.storage import is_local, normalise, open_file_system
from curation.base.tables import Tables, rows
from curation.records import Input

STAGE_KEY = "discovery"


class NoInput(ValueError):
    """A path that the user gave holds no files, or is not there."""


def find_inputs(paths: Sequence[str], *, exclude: Sequence[str] = ()) -> list[Input]:
    """Every file at or below some paths or URLs, sorted by URI; hidden files are passed over.

    `exclude` are folders to leave out (the run itself, should it lie below its input).

    Raises:
        NoInput: a path is not there, or holds no file.
    """
    found: dict[str, Input] = {}
    for path in paths:
        here = [record for record in _walk(normalise(path)) if not _below(record.uri, exclude)]
        if not here:
            raise NoInput(f"--input {path}: no files there. Give a video file, a folder, or an fsspec URL.")
        found.update({record.uri: record for record in here})
    return [found[uri] for uri in sorted(found)]


class InputTable:
    """The inputs of a run: what was ever discovered, the newest look at each URI."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def read(self) -> list[Input]:
        """Known inputs in order of arrival."""
        table = self._tables.read(Input.TABLE)
        if table is None:
            return []
        latest: dict[str, Input] = {}
        for record in sorted(from_arrow(Input, table), key=lambda record: (record.batch, record.uri)):
            first = latest.get(record.uri)
            latest[record.uri] = replace(record, batch=first.batch) if first else record
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


def _walk(path: str) -> Iterator[Input]:
    fs, root = open_file_system(path)
    fs.invalidate_cache()
    details: dict[str, dict[str, Any]] = {}
    with contextlib.suppress(FileNotFoundError):
        details = {root: fs.info(root)} if fs.isfile(root) else fs.find(root, detail=True)
    for name, info in details.items():
        if info.get("size") is None:
            raise NoInput(
                f"--input {path}: the server does not say how large {name} is. "
                "Download it, or give an S3 URL."
            )
        hidden = any(part.startswith(".") for part in name[len(root) :].split("/"))
        if info.get("type", "file") == "file" and not hidden:
            uri = name if is_local(path) else fs.unstrip_protocol(name)
            yield Input(
                input_id=hash_id("input", uri),
                uri=uri,
                size_bytes=int(info["size"]),
                fingerprint=_fingerprint(info),
                batch=0,
            )


def _fingerprint(info: dict[str, Any]) -> str:
    for name in ("ETag", "etag", "mtime", "LastModified", "md5"):
        if info.get(name) is not None:
            return str(info[name]).strip('"')
    return ""


def _below(uri: str, folders: Sequence[str]) -> bool:
    return any(uri == folder or uri.startswith(folder.rstrip("/") + "/") for folder in folders)

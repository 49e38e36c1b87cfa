"""Objects of stores that fsspec reads and that have no source of their own (`gs://`, by gcsfs)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.base.storage import open_file_system
from shards.reading.errors import ShardError
from shards.reading.sources import Patience, ReplacedError, ShortError, read_runs

VERSION_FIELDS = ("generation", "etag", "ETag", "md5Hash", "mtime", "last_modified", "updated", "created")


class FsspecSource:
    """Reads by ranges. The version is looked up before and after each, since a range cannot name it."""

    def size(self, url: str) -> int:
        """Length of an object."""
        return int(_find(url)[2]["size"])

    def open(self, url: str, start: int, end: int | None, tag: str | None) -> FsspecBody:
        """An object, or a part of it."""
        body = FsspecBody(url, start, end)
        if tag is not None and body.tag != tag:
            raise ReplacedError(f"{url}: was replaced while it was read")
        if body.size is not None and start > body.size:
            raise ShortError(f"{url}: ends before the bytes asked for", body.size)
        return body

    def read(self, url: str, ranges: Sequence[tuple[int, int]], patience: Patience) -> list[bytes]:
        """The bytes of some ranges."""
        return read_runs(self, url, ranges, patience)


class FsspecBody:
    """An object's content, a block at a time."""

    def __init__(self, url: str, start: int, end: int | None) -> None:
        self._url = url
        self._fs, self._path, info = _find(url)
        self.size: int | None = int(info["size"])
        self.tag: str | None = _version(info)
        self._at = start
        self._end = self.size if end is None else min(end, self.size)

    def read(self, size: int) -> bytes:
        """The next bytes, of the version that was opened."""
        stop = min(self._at + size, self._end)
        if stop <= self._at:
            return b""
        data = bytes(self._fs.cat_file(self._path, start=self._at, end=stop))
        if _version(_find(self._url)[2]) != self.tag:
            raise ReplacedError(f"{self._url}: was replaced while it was read")
        self._at += len(data)
        return data

    def close(self) -> None:
        """There is nothing to give back."""


def _find(url: str) -> tuple[Any, str, dict[str, Any]]:
    try:
        fs, path = open_file_system(url)
    except ValueError as error:
        raise ShardError(str(error)) from None
    fs.invalidate_cache()
    return fs, path, fs.info(path)


def _version(info: dict[str, Any]) -> str:
    """What names a version of an object, its length among it."""
    return repr([info["size"], *(info.get(name) for name in VERSION_FIELDS)])

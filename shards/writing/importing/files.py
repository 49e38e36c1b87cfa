"""Where the media of a row lie: below one folder, by the name that the row gives."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from functools import cached_property

from curation.base.storage import Storage, is_local, normalise, open_file_system


class MediaFolder:
    """The folder of a table's media, local or a URL.

    Raises:
        FileNotFoundError: there is no such folder.
    """

    def __init__(self, url: str) -> None:
        self.storage = Storage(url)
        root = self.storage.local_root
        if root is not None and not root.is_dir():
            raise FileNotFoundError(f"{url}: no such folder. Give that of the media with --media")

    def find(self, names: Sequence[str]) -> tuple[str, str]:
        """The path, below the folder, of the first of some names that is there, and what tells a change of
        it. A name without an ending stands for the file of that name with any.

        Raises:
            ValueError: none is there, or one leads out of the folder; the message continues a sentence.
        """
        for name in names:
            path = self._inside(name)
            mark = self._mark(path)
            if mark is None and not posixpath.splitext(path)[1]:
                path = self._by_stem.get(path) or self._by_stem.get(posixpath.basename(path)) or path
                mark = self._mark(path)
            if mark is not None:
                return path, mark
        said = ", ".join(repr(name[:200]) for name in names) or "no name"
        raise ValueError(f"its media ({said}) are not below {self.storage.url}")

    def _inside(self, name: str) -> str:
        if "://" in name or name.startswith("/"):
            place = normalise(name)
            if not place.startswith(f"{self.storage.url}/"):
                raise ValueError(f"its media {name[:200]!r} do not lie below {self.storage.url}")
            name = place[len(self.storage.url) + 1 :]
        path = posixpath.normpath(name)
        if path.startswith("../") or path in ("..", ".") or "\0" in path:
            raise ValueError(f"its media {name[:200]!r} lead out of {self.storage.url}")
        return path

    def _mark(self, path: str) -> str | None:
        root = self.storage.local_root
        if root is not None:
            try:
                status = os.stat(root / path)
            except OSError:
                return None
            inside = os.path.realpath(root / path).startswith(os.path.realpath(root) + os.sep)
            return (
                f"{status.st_size}:{status.st_mtime_ns}" if inside and os.path.isfile(root / path) else None
            )
        try:
            fs, place = open_file_system(self.storage.uri(path))
            info = fs.info(place)
        except FileNotFoundError:
            return None
        return f"{info.get('size')}:{info.get('ETag') or info.get('etag') or info.get('mtime') or ''}"

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        """All files by path and by name, without the ending; the first in order where several have it."""
        found: dict[str, str] = {}
        for path in self.storage.list():
            stem = posixpath.splitext(path)[0]
            found.setdefault(stem, path)
            found.setdefault(posixpath.basename(stem), path)
        return found


def folder_of(table: str) -> str:
    """The folder that a table lies in."""
    place = normalise(table)
    return os.path.dirname(place) if is_local(place) else place.rpartition("/")[0]

"""Brings a source to this machine: a file in place, a URL downloaded into scratch under a neutral name."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from curation.base.ids import content_id
from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.base.storage import is_local, normalise, open_url
from curation.media.sandbox import DecodeError

KEPT_DOWNLOADS = 2
"""Downloads that a process keeps: consecutive stages of a unit use the same source."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalSource:
    """A source on this machine."""

    path: Path
    sha256: str
    size_bytes: int

    @property
    def video_id(self) -> str:
        """The id that its content calls for."""
        return content_id(self.sha256)


def fetch(uri: str, scratch: Path, *, size_bytes: int, video_id: str | None = None) -> LocalSource:
    """The source behind a URI, on this machine until two more URLs were fetched.

    `size_bytes`, and `video_id` where it is known already, say what is expected. Each process reads a file
    once to hash it.

    Raises:
        DecodeError: a local file has vanished or may not be read, or the content is not what was expected.
        Retry: the network or the disk fails.
    """
    if is_local(uri):
        source = _local(Path(normalise(uri)))
    else:
        source = _downloads(scratch, os.getpid()).get(uri, size_bytes)
    if source.size_bytes != size_bytes:
        raise _changed(f"it has {source.size_bytes} bytes instead of {size_bytes}")
    if video_id is not None and source.video_id != video_id:
        raise _changed("its content hashes to another id")
    return source


def _changed(how: str) -> DecodeError:
    return DecodeError(
        Reason.UNREADABLE,
        f"has changed since it was found ({how}); run the same command again to take the new version",
    )


def _local(path: Path) -> LocalSource:
    try:
        status = os.stat(path)
        sha256 = _hash_file(path, status.st_ino, status.st_size, status.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        if re.search(r"\\x[0-9a-f]{2}", str(path)):
            raise DecodeError(
                Reason.UNREADABLE, f"has a name that is not UTF-8 (\\x stands for a byte); rename it: {path}"
            ) from None
        raise DecodeError(
            Reason.UNREADABLE, f"is no longer at {path}; put it back and retry, or leave it out"
        ) from None
    except (PermissionError, IsADirectoryError) as error:
        raise DecodeError(Reason.UNREADABLE, f"cannot be read ({error.strerror}): {path}") from None
    except OSError as error:
        raise Retry(f"{path}: {error}") from error
    return LocalSource(path, sha256, status.st_size)


@functools.lru_cache(maxsize=64)
def _hash_file(path: Path, inode: int, size_bytes: int, mtime_ns: int) -> str:
    """sha256 of a file, remembered for as long as its inode, size and time stay as they are."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _downloads(scratch: Path, pid: int) -> _Downloads:
    return _Downloads(scratch / f"sources-{pid}")


class _Downloads:
    """The latest downloads of this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: OrderedDict[str, LocalSource] = OrderedDict()
        self._count = 0

    def get(self, uri: str, size_bytes: int) -> LocalSource:
        """A kept download, or a new one in place of the one used longest ago."""
        if uri in self._sources:
            self._sources.move_to_end(uri)
            return self._sources[uri]
        while len(self._sources) >= KEPT_DOWNLOADS:
            _, oldest = self._sources.popitem(last=False)
            oldest.path.unlink(missing_ok=True)
        self._count += 1
        path = self._folder / f"{self._count:06d}.media"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with open_url(uri) as remote, open(path, "wb") as out:
                sha256, size = _copy(remote, out, size_bytes)
        except _network_errors() as error:
            path.unlink(missing_ok=True)
            raise Retry(f"{uri}: cannot be fetched: {type(error).__name__}: {error}") from error
        source = LocalSource(path, sha256, size)
        self._sources[uri] = source
        return source


def _copy(remote: IO[bytes], out: IO[bytes], size_bytes: int) -> tuple[str, int]:
    """Copy and hash; stops soon after the expected size, so that no server can fill the disk."""
    digest = hashlib.sha256()
    size = 0
    while size <= size_bytes and (block := remote.read(_BLOCK_BYTES)):
        digest.update(block)
        out.write(block)
        size += len(block)
    return digest.hexdigest(), size


def _network_errors() -> tuple[type[Exception], ...]:
    """OSError, and what the clients behind fsspec raise beside it, if they are loaded at all."""
    found: list[type[Exception]] = [OSError]
    for module, names in (
        ("botocore.exceptions", ("BotoCoreError", "ClientError")),
        ("aiohttp", ("ClientError",)),
    ):
        if module in sys.modules:
            found += [getattr(sys.modules[module], name) for name in names]
    return tuple(found)

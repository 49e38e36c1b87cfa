"""Files behind fsspec URLs: a folder on a disk or on S3, with the same guarantees.

A file is either wholly there or not at all; `create` is the one primitive that arbitrates between
writers (a local `O_EXCL` link or S3's `If-None-Match: *`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import fsspec
from fsspec.core import url_to_fs

LOCAL_PROTOCOLS = {"file", "local"}


def is_local(url: str) -> bool:
    """Whether a URL names a path on this machine."""
    return "://" not in url or url.split("://", 1)[0] in LOCAL_PROTOCOLS


def normalise(url: str) -> str:
    """A local path made absolute and stripped of `file://`; other URLs without a trailing slash."""
    if is_local(url):
        return os.path.abspath(url.split("://", 1)[-1])
    return url.rstrip("/")


def join(url: str, *parts: str) -> str:
    """A URL below another."""
    return "/".join([url.rstrip("/"), *parts])


@dataclass(frozen=True)
class Storage:
    """A folder behind a URL. Paths given to its methods are relative to it, with `/` between."""

    url: str
    _fs: Any = field(init=False, repr=False, compare=False)
    _root: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", normalise(self.url))
        fs, root = open_file_system(self.url)
        object.__setattr__(self, "_fs", fs)
        object.__setattr__(self, "_root", str(root).rstrip("/"))

    @property
    def local_root(self) -> Path | None:
        """The folder on this machine, None where the URL is remote."""
        return Path(self.url) if is_local(self.url) else None

    def path(self, relative: str) -> str:
        """The file system's own name of a file."""
        return f"{self._root}/{relative}" if relative else self._root

    def uri(self, relative: str) -> str:
        """The full URL of a file."""
        return join(self.url, relative)

    def exists(self, relative: str) -> bool:
        """Whether a file or folder is there now (never from a cached listing)."""
        self._fs.invalidate_cache()
        return bool(self._fs.exists(self.path(relative)))

    def size(self, relative: str) -> int:
        """Size in bytes."""
        return int(self._fs.size(self.path(relative)))

    def list(self, relative: str = "") -> list[str]:
        """Every file below a folder, relative to this storage, sorted; [] if there is no folder."""
        self._fs.invalidate_cache()
        try:
            found = self._fs.find(self.path(relative))
        except FileNotFoundError:
            return []
        prefix = len(self._root) + 1
        return sorted(str(name)[prefix:] for name in found)

    def read_bytes(self, relative: str) -> bytes:
        """A whole file.

        Raises:
            FileNotFoundError: it is not there.
        """
        return cast(bytes, self._fs.cat_file(self.path(relative)))

    def read_range(self, relative: str, offset: int, size: int) -> bytes:
        """`size` bytes from `offset`.

        Raises:
            EOFError: the file ends before.
        """
        data = cast(bytes, self._fs.cat_file(self.path(relative), start=offset, end=offset + size))
        if len(data) != size:
            raise EOFError(f"{self.uri(relative)}: {len(data)} bytes at {offset}, expected {size}")
        return data

    def open_read(self, relative: str) -> IO[bytes]:
        """A file opened for reading in blocks."""
        return cast(IO[bytes], self._fs.open(self.path(relative), "rb"))

    def write_bytes(self, relative: str, data: bytes) -> None:
        """Put a whole file in place at once, replacing what was there."""
        with self.open_write(relative) as out:
            out.write(data)

    def create(self, relative: str, data: bytes) -> bool:
        """Put a file in place only if there is none; False if another writer was first."""
        path = self._inside(relative)
        if self.local_root is not None:
            return _create_local(Path(path), data)
        try:
            self._fs.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        finally:
            self._fs.invalidate_cache()
        return True

    def remove(self, relative: str) -> None:
        """Delete a file or folder; nothing happens where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._inside(relative), recursive=True)
        self._fs.invalidate_cache()

    def _inside(self, relative: str) -> str:
        """The name of what is written or removed.

        Raises:
            ValueError: it does not lie below this folder.
        """
        if relative.startswith("/") or ".." in relative.split("/"):
            raise ValueError(f"{relative!r} is no path below {self.url}, nothing was written or removed")
        return self.path(relative)

    @contextlib.contextmanager
    def open_write(self, relative: str) -> Iterator[HashingWriter]:
        """Write a file that appears, complete and on disk, when the block ends without an error."""
        path = self._inside(relative)
        if self.local_root is None:
            raw = self._fs.open(path, "wb")
            try:
                yield HashingWriter(raw)
            except BaseException:
                raw.discard()
                # Its finaliser would otherwise upload what there is.
                raw.closed = True
                raise
            raw.close()
            self._fs.invalidate_cache()
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
        try:
            with open(temporary, "wb") as raw:
                yield HashingWriter(raw)
                raw.flush()
                os.fsync(raw.fileno())
            os.replace(temporary, target)
            _sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


class HashingWriter:
    """A file being written whose sha256 and size are known at the end."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Append."""
        self._hash.update(data)
        self.size += len(data)
        return self._raw.write(data)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    @property
    def sha256(self) -> str:
        """sha256 (hex) of what was written so far."""
        return self._hash.hexdigest()


def open_file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and its own name of the place.

    Raises:
        ValueError: no such protocol, or its package is not installed.
    """
    try:
        fs, path = url_to_fs(url, **storage_options(url))
    except (ImportError, ValueError) as error:
        raise ValueError(f"{url}: {error}") from None
    return fs, str(path)


def storage_options(url: str) -> dict[str, Any]:
    """Arguments for fsspec: on S3 the endpoint of the usual environment variables."""
    if url.startswith("s3://"):
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        return {"endpoint_url": endpoint} if endpoint else {}
    return {}


def open_url(url: str) -> IO[bytes]:
    """Any fsspec URL opened for reading in blocks."""
    url = normalise(url)
    return cast(IO[bytes], fsspec.open(url, "rb", **storage_options(url)).open())


def _create_local(path: Path, data: bytes) -> bool:
    """A link of a complete temporary file: it exists whole or not at all, and only once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as raw:
            raw.write(data)
            raw.flush()
            os.fsync(raw.fileno())
        os.link(temporary, path)
        _sync_folder(path.parent)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

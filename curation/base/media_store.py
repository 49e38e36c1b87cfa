"""Clip media of a unit: one tar per attempt, read by byte range, so that objects stay few.

The tar is written under the attempt's own name, hashed and on disk before any ledger row names it.
Tars of attempts that were never committed are swept by garbage collection.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from curation.base.ids import attempt_id
from curation.base.records import Part, untracked
from curation.base.storage import HashingWriter, Storage


@dataclass(frozen=True, kw_only=True)
class MediaRef(Part):
    """A file inside a media tar. `form` says which rendering (`mp4`, `flac`, `frame_000`…);
    sha256 and size say what it is, the other fields where it lies."""

    form: str
    sha256: str
    size_bytes: int
    path: str = untracked()
    offset: int = untracked()


@dataclass(frozen=True, kw_only=True)
class MediaFile(Part):
    """A file that an attempt wrote, relative to the run."""

    path: str
    sha256: str
    size_bytes: int


class _Written(threading.local):
    """The files of the attempt that a thread is at."""

    def __init__(self) -> None:
        self.files: list[MediaFile] = []


class MediaStore:
    """Reads and writes the media of a run; each thread is at an attempt of its own."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._written = _Written()

    def read(self, ref: MediaRef) -> bytes:
        """The bytes of a reference.

        Raises:
            ValueError: they are not the ones that were written (sha256 differs).
        """
        data = self.storage.read_range(ref.path, ref.offset, ref.size_bytes)
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ValueError(f"{self.storage.uri(ref.path)}: sha256 of '{ref.form}' differs from the record")
        return data

    @contextlib.contextmanager
    def new_tar(self, stage: str) -> Iterator[MediaTar]:
        """A tar that is in place, and counted as written, when the block ends without an error."""
        path = f"media/{stage}/{attempt_id()}.tar"
        with self.storage.open_write(path) as out:
            tar = MediaTar(path, out)
            yield tar
            tar.close()
        if tar.count:
            self._written.files.append(MediaFile(path=path, sha256=out.sha256, size_bytes=out.size))
        else:
            self.storage.remove(path)

    def take_written(self) -> tuple[MediaFile, ...]:
        """The files that this thread wrote since its last call."""
        files = tuple(self._written.files)
        self._written.files.clear()
        return files


class MediaTar:
    """An open media tar: a plain ustar file with fixed times and owners."""

    def __init__(self, path: str, out: HashingWriter) -> None:
        self._path = path
        self._out = out
        self.count = 0

    def add(self, name: str, form: str, data: bytes) -> MediaRef:
        """Append a file and say where it lies."""
        offset = write_tar_member(self._out, name, data)
        self.count += 1
        return MediaRef(
            form=form,
            sha256=hashlib.sha256(data).hexdigest(),
            size_bytes=len(data),
            path=self._path,
            offset=offset,
        )

    def close(self) -> None:
        """Write the end-of-archive blocks."""
        self._out.write(bytes(2 * tarfile.BLOCKSIZE))


def write_tar_member(out: HashingWriter | io.BytesIO, name: str, data: bytes) -> int:
    """Append one member (mtime 0, owner 0, mode 0644) and return the offset of its bytes."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    out.write(info.tobuf(tarfile.USTAR_FORMAT))
    offset = out.tell()
    out.write(data)
    out.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    return offset

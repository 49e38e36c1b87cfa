"""Checking media, and remembering what was found, so that an import that was killed decodes nothing twice."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curation.base.storage import Storage
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import DecodeError, Sandbox
from shards.reading.index import MAX_SAMPLE_BYTES
from shards.reading.parts import check_parts
from shards.writing.importing.media import CheckedMedia, check_media
from shards.writing.importing.metadata import ImportedFile

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileToCheck:
    """Bytes of a file: all of it, or `size` from `offset` of a tar. `mark` tells a change of it."""

    storage: Storage
    path: str
    mark: str
    offset: int = 0
    size: int | None = None

    @property
    def place(self) -> str:
        """Its name in what is remembered."""
        return f"{self.storage.uri(self.path)}#{self.offset}"


@dataclass(frozen=True)
class Refused:
    """Why a file is not taken."""

    reason: str
    detail: str


class Checks:
    """What is known of files, on disk. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS checks (place TEXT PRIMARY KEY, mark TEXT, found TEXT) WITHOUT ROWID;"
        )

    def get(self, file: FileToCheck) -> ImportedFile | Refused | None:
        """What was found before, None if it was not looked at or has changed since."""
        query = "SELECT found FROM checks WHERE place = ? AND mark = ?"
        row = self._db.execute(query, (file.place, file.mark)).fetchone()
        return None if row is None else _from_json(json.loads(row[0]))

    def put(self, file: FileToCheck, found: ImportedFile | Refused) -> None:
        """Remember what was found."""
        text = json.dumps(asdict(found))
        self._db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", (file.place, file.mark, text))

    def close(self) -> None:
        """Keep the file for the next try."""
        self._db.close()


def check_file(file: FileToCheck) -> ImportedFile | Refused:
    """Hash a file and decode it from end to end, in the sandbox.

    Raises:
        OSError: it cannot be read, or lies on a server that gives no parts of files.
    """
    root = file.storage.local_root
    sandbox = Sandbox(DEFAULT_LIMITS)
    if root is not None and file.size is None:
        return _check_local(sandbox, root / file.path)
    check_parts(file.storage.uri(file.path))
    with tempfile.NamedTemporaryFile(prefix="cliploom-import-") as copy:
        with file.storage.open_read(file.path) as raw:
            raw.seek(file.offset)
            missing = MAX_SAMPLE_BYTES + 1 if file.size is None else file.size
            while missing and (block := raw.read(min(BLOCK_BYTES, missing))):
                copy.write(block)
                missing -= len(block)
        copy.flush()
        return _check_local(sandbox, Path(copy.name))


def _check_local(sandbox: Sandbox, path: Path) -> ImportedFile | Refused:
    size = path.stat().st_size
    if size > MAX_SAMPLE_BYTES:
        return Refused(
            "too_large", f"has {size} bytes, more than the {MAX_SAMPLE_BYTES} that a sample may have"
        )
    with open(path, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    try:
        return ImportedFile(check_media(sandbox, path), sha256, size)
    except DecodeError as error:
        return Refused(str(error.reason), error.detail.replace(str(path), "the file"))


def _from_json(found: dict[str, Any]) -> ImportedFile | Refused:
    if "reason" in found:
        return Refused(**found)
    media = found["media"]
    times, keyframes = tuple(media.pop("frame_times_s")), tuple(media.pop("keyframes"))
    checked = CheckedMedia(**media, frame_times_s=times, keyframes=keyframes)
    return ImportedFile(checked, found["sha256"], found["size_bytes"])

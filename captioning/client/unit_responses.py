"""The answers of one unit, in a few Parquet files.

Each file is written whole under a name of its own and never changed, so that workers that are at the same
unit cannot harm each other. Once there are many, one of them writes a file that holds all, and only then
removes those that it had read; a reader that finds a file gone looks again.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from captioning.client.answers import Answer, Heard
from curation.base.ids import attempt_id
from curation.base.storage import Storage

log = logging.getLogger(__name__)

FLUSH_ANSWERS, FLUSH_S = 128, 10.0
"""New answers are written when there are so many, or when the oldest is so old: what a kill may lose."""
MOST_FILES = 8
_LOOKS = 20

SCHEMA = pa.schema(
    [
        pa.field("digest", pa.string(), nullable=False),
        pa.field("first_file", pa.string()),
        pa.field("text", pa.string(), nullable=False),
        pa.field("complete", pa.bool_(), nullable=False),
        pa.field("input_tokens", pa.int64(), nullable=False),
        pa.field("output_tokens", pa.int64(), nullable=False),
        pa.field("mean_logprob", pa.float64()),
        pa.field("language", pa.string()),
        pa.field(
            "heard",
            pa.list_(
                pa.struct(
                    [
                        pa.field("start_s", pa.float64(), nullable=False),
                        pa.field("end_s", pa.float64(), nullable=False),
                        pa.field("text", pa.string(), nullable=False),
                        pa.field("mean_logprob", pa.float64()),
                        pa.field("no_speech", pa.float64()),
                    ]
                )
            ),
            nullable=False,
        ),
    ]
)


@dataclass(frozen=True)
class _Kept:
    """An answer, and the file that it was first written in: names sort by time."""

    first_file: str
    answer: Answer


class UnitResponses:
    """Thread-safe. `get` reads the files when first called."""

    def __init__(self, storage: Storage, folder: str) -> None:
        self._storage = storage
        self._folder = folder
        self._lock = Lock()
        self._loading = Lock()
        self._answers: dict[str, Answer] | None = None
        self._first_files: dict[str, str] = {}
        self._files: list[str] = []
        self._new: dict[str, Answer] = {}
        self._oldest_new = 0.0

    def get(self, digest: str) -> Answer | None:
        """The answer to a request, None if it has none yet.

        Raises:
            OSError: the storage cannot be read.
        """
        return self._known().get(digest)

    def add(self, digest: str, answer: Answer) -> None:
        """Remember an answer; it is written down by one of the next `flush`."""
        known = self._known()
        with self._lock:
            if digest in known:
                return
            if not self._new:
                self._oldest_new = time.monotonic()
            known[digest] = self._new[digest] = answer

    def due_in_s(self) -> float | None:
        """Seconds until `flush` should be called, None if there is nothing to write."""
        with self._lock:
            if not self._new:
                return None
            if len(self._new) >= FLUSH_ANSWERS:
                return 0.0
            return max(0.0, self._oldest_new + FLUSH_S - time.monotonic())

    def flush(self) -> None:
        """Write new answers down. Where that fails they are kept for the next call: an answer that is lost
        is only asked for again."""
        with self._lock:
            new, self._new = self._new, {}
        if not new:
            return
        try:
            written = self._write(new)
        except storage_faults() as error:
            log.warning("%s: answers could not be kept: %s", self._storage.uri(self._folder), error)
            with self._lock:
                self._new = {**new, **self._new}
                self._oldest_new = time.monotonic()
            return
        with self._lock:
            self._files.append(written)
            for digest in new:
                self._first_files.setdefault(digest, _file(written))

    def tidy(self) -> None:
        """Put many files into one."""
        with self._lock:
            if len(self._files) <= MOST_FILES:
                return
            files, self._files = self._files, []
            answers = dict(self._answers or {})
        try:
            self._files.append(self._write(answers))
            for name in files:
                self._storage.remove(name)
        except storage_faults() as error:
            log.warning("%s: could not be tidied: %s", self._storage.uri(self._folder), error)

    def _known(self) -> dict[str, Answer]:
        if self._answers is None:
            with self._loading:
                if self._answers is None:
                    self._answers = self._load()
        return self._answers

    def _load(self) -> dict[str, Answer]:
        found: dict[str, dict[str, _Kept]] = {}
        for _ in range(_LOOKS):
            try:
                gone = [name for name in self._names() if not self._read(name, found)]
            except storage_faults() as error:
                raise OSError(f"{self._storage.uri(self._folder)}: {error}") from error
            if not gone:
                break
        else:
            raise OSError(f"{self._storage.uri(self._folder)}: its files change faster than they can be read")
        self._files = [name for name, rows in found.items() if rows]
        # Of two answers the one written first counts, wherever it was moved since: all readers take the same.
        kept: dict[str, _Kept] = {}
        for rows in found.values():
            for digest, row in rows.items():
                if digest not in kept or row.first_file < kept[digest].first_file:
                    kept[digest] = row
        self._first_files = {digest: row.first_file for digest, row in kept.items()}
        return {digest: row.answer for digest, row in kept.items()}

    def _names(self) -> list[str]:
        return [name for name in self._storage.list(self._folder) if name.endswith(".parquet")]

    def _read(self, name: str, found: dict[str, dict[str, _Kept]]) -> bool:
        """Add the answers of a file to those found, unless it was read before; False if it is gone."""
        if name in found:
            return True
        try:
            data = self._storage.read_bytes(name)
        except FileNotFoundError:
            return False
        found[name] = self._rows(name, data)
        return True

    def _rows(self, name: str, data: bytes) -> dict[str, _Kept]:
        try:
            table = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
            return dict(_answer(row, name) for row in table.select(SCHEMA.names).cast(SCHEMA).to_pylist())
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            log.warning("%s is damaged and ignored: %s", self._storage.uri(name), error)
            return {}

    def _write(self, answers: dict[str, Answer]) -> str:
        first = self._first_files
        rows = [
            {"digest": digest, "first_file": first.get(digest), **asdict(answer)}
            for digest, answer in answers.items()
        ]
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), out, compression="zstd", write_page_checksum=True)
        name = f"{self._folder}/{attempt_id()}.parquet"
        self._storage.write_bytes(name, out.getvalue())
        return name


def storage_faults() -> tuple[type[Exception], ...]:
    """OSError, and what the S3 client raises beside it, if it is loaded at all."""
    botocore = sys.modules.get("botocore.exceptions")
    if botocore is None:
        return (OSError,)
    return (OSError, botocore.BotoCoreError, botocore.ClientError)


def _file(name: str) -> str:
    return name.rpartition("/")[2]


def _answer(row: dict[str, Any], name: str) -> tuple[str, _Kept]:
    heard = tuple(Heard(**segment) for segment in row.pop("heard"))
    digest, first_file = row.pop("digest"), row.pop("first_file") or _file(name)
    return digest, _Kept(first_file, Answer(**row, heard=heard))

"""The rows of a table, one by one: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.storage import open_url
from shards.reading.errors import ShardError

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
BATCH_ROWS = 1024
MAX_TEXT_CHARS = 100_000


@dataclass(frozen=True)
class TableRow:
    """A row, counted from 1. `problem` is why it cannot be read; it has no values then."""

    number: int
    values: Mapping[str, Any]
    problem: str | None = None


def is_table(url: str) -> bool:
    """Whether a URL names a table by its ending."""
    return url.endswith(ENDINGS)


def table_rows(url: str) -> Iterator[TableRow]:
    """The rows of a table, in order; memory does not grow with it.

    Raises:
        ShardError: it is no such table.
        FileNotFoundError: it is not there.
    """
    with open_url(url) as raw:
        if url.endswith(".parquet"):
            rows = _parquet_rows(raw, url)
        elif url.endswith((".csv", ".tsv")):
            rows = _csv_rows(raw, "\t" if url.endswith(".tsv") else ",")
        else:
            rows = _json_rows(raw)
        for number, (values, problem) in enumerate(rows, start=1):
            yield TableRow(number, {name: _plain(value) for name, value in values.items()}, problem)


def _csv_rows(raw: IO[bytes], delimiter: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    csv.field_size_limit(min(sys.maxsize, 1 << 24))
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
    reader = csv.DictReader(text, delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield {}, f"it cannot be read ({error})"
            continue
        if None in row or None in row.values():
            columns = len(reader.fieldnames or ())
            yield {}, f"it has not the {columns} fields of the header; is a text with commas not in quotes?"
        else:
            yield dict(row), None


def _json_rows(raw: IO[bytes]) -> Iterator[tuple[dict[str, Any], str | None]]:
    for line in raw:
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield {}, f"it is no JSON ({error})"
            continue
        yield (values, None) if isinstance(values, dict) else ({}, "it is no JSON object")


def _parquet_rows(raw: IO[bytes], url: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    try:
        for batch in pq.ParquetFile(raw).iter_batches(BATCH_ROWS):
            for values in batch.to_pylist():
                yield values, None
    except pa.ArrowException as error:
        raise ShardError(f"{url}: not a Parquet file, or a damaged one ({error})") from None


def _plain(value: Any) -> Any:
    """A value that JSON can hold; bytes, which are media rather than facts, are left out."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int():
            return value
        case str():
            return value[:MAX_TEXT_CHARS]
        case Decimal():
            return float(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(name): _plain(below) for name, below in value.items()}
        case list() | tuple():
            return [_plain(below) for below in value]
    return None

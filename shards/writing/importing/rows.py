"""The rows of a table, one by one: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import datetime
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.base.storage import open_url
from shards.reading.errors import ShardError

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
BATCH_ROWS = 1024
NAMING_ROWS = 10_000
"""Rows of JSON lines that are looked through for the names of columns before the first is given."""
MAX_TEXT_CHARS = 100_000
_UNDECODED = re.compile("[\udc80-\udcff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


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
    names: dict[str, None] = {}
    if url.endswith((".jsonl", ".ndjson")):
        with open_url(url) as raw:
            for values, _ in islice(_json_rows(raw, url), NAMING_ROWS):
                names.update(dict.fromkeys(values))
    with open_url(url) as raw:
        if url.endswith(".parquet"):
            rows = _parquet_rows(raw, url)
        elif url.endswith((".csv", ".tsv")):
            rows = _csv_rows(raw, url, "\t" if url.endswith(".tsv") else ",")
        else:
            rows = _json_rows(raw, url)
        for number, (values, problem) in enumerate(rows, start=1):
            if problem is None:
                try:
                    yield TableRow(number, plain_values({**names, **values}))
                    continue
                except ValueError as error:
                    problem = str(error)
            yield TableRow(number, {}, problem)


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values that JSON can hold, by column. Bytes, which are media rather than facts, and what is no number
    (NaN, which tables have where a value is missing) become None.

    Raises:
        ValueError: a number is not finite, or a text is no Unicode; the message continues a sentence about
            the row.
    """
    found = {}
    for name, value in values.items():
        try:
            found[name] = _plain(value)
        except ValueError as error:
            raise ValueError(f"its column '{name}' {error}") from None
    return found


def _csv_rows(raw: IO[bytes], url: str, delimiter: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    csv.field_size_limit(min(sys.maxsize, 1 << 24))
    text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.DictReader(text, delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield {}, f"it cannot be read ({error})"
            continue
        _check_utf8(url, reader.line_num, [*(reader.fieldnames or ()), *row.values()])
        if None in row or None in row.values():
            columns = len(reader.fieldnames or ())
            yield {}, f"it has not the {columns} fields of the header; is a text with commas not in quotes?"
        else:
            yield dict(row), None


def _check_utf8(url: str, number: int, texts: Iterable[Any]) -> None:
    for text in texts:
        if isinstance(text, str) and not text.isascii() and (found := _UNDECODED.search(text)):
            byte = ord(found[0]) - 0xDC00
            raise ShardError(
                f"{url}: line {number} is not UTF-8 (byte 0x{byte:02x} in "
                f"{_UNDECODED.sub('?', text)[:40]!r}). Convert the file, e.g. iconv -f LATIN1 -t UTF-8"
            )


def _json_rows(raw: IO[bytes], url: str) -> Iterator[tuple[dict[str, Any], str | None]]:
    for number, line in enumerate(raw, start=1):
        if not line.strip():
            continue
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", errors="surrogateescape")
        _check_utf8(url, number, (text,))
        try:
            values = json.loads(text)
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
        case float() | Decimal():
            if math.isinf(value):
                raise ValueError(f"is {value}, which is no finite number")
            return None if math.isnan(value) else float(value)
        case None | bool() | int():
            return value
        case str():
            if not value.isascii() and _SURROGATE.search(value):
                raise ValueError(f"is no Unicode text: {value[:40]!a}")
            return value[:MAX_TEXT_CHARS]
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(name): _plain(below) for name, below in value.items()}
        case list() | tuple():
            return [_plain(below) for below in value]
    return None

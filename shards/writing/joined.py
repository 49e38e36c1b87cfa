"""Columns of a table beside the shards, looked up by a sample's key."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from curation.base.storage import Storage
from shards.reading.errors import ShardError
from shards.reading.urls import split_url

ENDINGS = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson")
KEY_COLUMNS = ("key", "clip_id")
"""Read as texts, so that 000000012 stays what it is."""


class JoinedTable:
    """Rows of a Parquet, CSV or JSON-lines file by key.

    Raises:
        ShardError: the file cannot be read, has no column of keys, or a key twice.
        FileNotFoundError: it is not there.
    """

    def __init__(self, name: str, url: str) -> None:
        table = _read(url)
        key = next((each for each in KEY_COLUMNS if each in table.column_names), None)
        if key is None:
            raise ShardError(
                f"--table {name}={url}: no column 'key' or 'clip_id' to join by; there are: "
                f"{', '.join(table.column_names)}"
            )
        self._table = table
        self._rows: dict[str, int] = {}
        for row, each in enumerate(table[key].to_pylist()):
            if each is not None and self._rows.setdefault(str(each), row) != row:
                raise ShardError(
                    f"--table {name}={url}: rows {self._rows[str(each)] + 1} and {row + 1} both have the "
                    f"{key} '{each}'. Give one row per key"
                )

    def row(self, key: str) -> Mapping[str, Any]:
        """The row of a key, {} if there is none."""
        number = self._rows.get(key)
        return {} if number is None else self._table.slice(number, 1).to_pylist()[0]


def _read(url: str) -> pa.Table:
    if not url.endswith(ENDINGS):
        raise ShardError(
            f"{url}: give a .parquet, .csv, .tsv or .jsonl file. Of a run's table, also rows that no longer "
            "count are in its folder; those that do: "
            "cliploom tables RUN NAME --limit 1000000000 --json > NAME.jsonl"
        )
    folder, name = split_url(url)
    try:
        data = Storage(folder).read_bytes(name)
        if name.endswith(".parquet"):
            return pq.read_table(io.BytesIO(data))
        return _csv_table(data, name) if name.endswith((".csv", ".tsv")) else _json_table(data)
    except (pa.ArrowException, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ShardError(f"{url}: cannot be read as a table ({error})") from None


def _csv_table(data: bytes, name: str) -> pa.Table:
    return pyarrow.csv.read_csv(
        io.BytesIO(data),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="\t" if name.endswith(".tsv") else ",", newlines_in_values=True
        ),
        convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(KEY_COLUMNS, pa.string())),
    )


def _json_table(data: bytes) -> pa.Table:
    rows = [json.loads(line) for line in data.splitlines() if line.strip()]
    for row in rows:
        row.update({key: str(row[key]) for key in KEY_COLUMNS if row.get(key) is not None})
    # Arrow takes the names of columns from the first row alone.
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})

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

KEY_COLUMNS = ("key", "clip_id")


class JoinedTable:
    """Rows of a Parquet, CSV or JSON-lines file by key; of several rows with a key, the last one.

    Raises:
        ShardError: the file cannot be read, or has no column of keys.
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
        self._rows = {str(each): row for row, each in enumerate(table[key].to_pylist())}

    def row(self, key: str) -> Mapping[str, Any]:
        """The row of a key, {} if there is none."""
        number = self._rows.get(key)
        return {} if number is None else self._table.slice(number, 1).to_pylist()[0]


def _read(url: str) -> pa.Table:
    folder, name = split_url(url)
    try:
        data = Storage(folder).read_bytes(name)
        if name.endswith(".parquet"):
            return pq.read_table(io.BytesIO(data))
        if name.endswith((".csv", ".tsv")):
            parse = pyarrow.csv.ParseOptions(
                delimiter="\t" if name.endswith(".tsv") else ",", newlines_in_values=True
            )
            return pyarrow.csv.read_csv(io.BytesIO(data), parse_options=parse)
        if name.endswith((".jsonl", ".ndjson")):
            return pa.Table.from_pylist([json.loads(line) for line in data.splitlines() if line.strip()])
    except (pa.ArrowInvalid, ValueError, AttributeError) as error:
        raise ShardError(f"{url}: cannot be read as a table ({error})") from None
    raise ShardError(f"{url}: give a .parquet, .csv, .tsv or .jsonl file")

"""The bytes of an index."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shards.format import INDEX_SCHEMA


def index_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Parquet of rows in the order of the tar; the fields are those of `INDEX_SCHEMA`."""
    sink = io.BytesIO()
    table = pa.Table.from_pylist([dict(row) for row in rows], schema=INDEX_SCHEMA)
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()

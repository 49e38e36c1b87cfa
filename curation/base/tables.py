"""The run's tables: one Delta table per record type, partitioned by stage key.

Besides its record's fields a row carries where it came from: `unit`, `stage_key`, `attempt` (the
try that wrote it) and `digest` (of the record). A row counts only when the ledger names its attempt;
reading by attempt prunes files, because attempt ids sort by time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs

from curation.base.records import Record, arrow_schema, to_arrow
from curation.base.storage import Storage

if TYPE_CHECKING:
    # It imports pandas, which takes longer than all else here together.
    import pyarrow.dataset as ds

BOOKKEEPING = pa.schema(
    [
        pa.field("unit", pa.string()),
        pa.field("stage_key", pa.string()),
        pa.field("attempt", pa.string()),
        pa.field("digest", pa.string()),
    ]
)
COMPACT_ABOVE_FILES = 64
FORBIDDEN_IN_PATHS = "%[]"
"""Delta takes `%` for an escape even where it is escaped, and brackets for an address."""


def table_schema(cls: type[Record]) -> pa.Schema:
    """The columns of a record's table, bookkeeping included."""
    return pa.schema([*arrow_schema(cls), *BOOKKEEPING])


def rows(cls: type[Record], records: Sequence[Record], unit: str, stage_key: str, attempt: str) -> pa.Table:
    """Records as rows of their table."""
    table = to_arrow(cls, records)
    count = len(records)
    for name, values in (
        ("unit", [unit] * count),
        ("stage_key", [stage_key] * count),
        ("attempt", [attempt] * count),
        ("digest", [record.digest() for record in records]),
    ):
        table = table.append_column(BOOKKEEPING.field(name), pa.array(values, pa.string()))
    return table


class Tables:
    """Reads and appends the Delta tables below `RUN/tables`.

    Raises:
        ValueError: the run's path has a character that Delta cannot take.
    """

    def __init__(self, storage: Storage) -> None:
        if set(storage.url) & set(FORBIDDEN_IN_PATHS):
            raise ValueError(f"{storage.url}: a run's path must not contain any of {FORBIDDEN_IN_PATHS}")
        self._storage = storage
        self._handles: dict[str, Any] = {}

    def uri(self, name: str) -> str:
        """URL of a table."""
        return self._storage.uri(f"tables/{name}")

    def append(self, name: str, table: pa.Table, *, partitioned: bool = True) -> None:
        """Append rows in one atomic Delta commit."""
        from deltalake import write_deltalake

        write_deltalake(
            self._handles.get(name) or self._location(name),
            table,
            mode="append",
            partition_by=["stage_key"] if partitioned else None,
            storage_options=delta_options(self._storage.url),
        )

    def files(self, name: str) -> list[str]:
        """URLs of the Parquet files of a table's present version; [] where there is no table."""
        table = self._open(name)
        return sorted(table.file_uris()) if table is not None else []

    def dataset(self, name: str) -> ds.Dataset | None:
        """A table as an Arrow dataset; None where there is no table yet."""
        table = self._open(name)
        if table is None:
            return None
        filesystem = None
        if self._storage.local_root is not None:
            # Arrow's own file system: Delta's goes through Python, which Arrow's threads may outlive.
            folder = str(self._storage.local_root / "tables" / name)
            filesystem = pa.fs.SubTreeFileSystem(folder, pa.fs.LocalFileSystem())
        return table.to_pyarrow_dataset(filesystem=filesystem)

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        where: pc.Expression | None = None,
    ) -> pa.Table | None:
        """Rows of a table; None where there is no table yet."""
        dataset = self.dataset(name)
        if dataset is None:
            return None
        return dataset.to_table(columns=list(columns) if columns else None, filter=where)

    def read_attempts(
        self, cls: type[Record], attempts: Iterable[str], *, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows that some attempts wrote, in the order of the table's files."""
        wanted = sorted(set(attempts))
        names = list(columns) if columns is not None else table_schema(cls).names
        dataset = self.dataset(cls.TABLE)
        if dataset is None or not wanted:
            return pa.schema([table_schema(cls).field(name) for name in names]).empty_table()
        # The range lets file statistics prune; the set then picks the rows.
        attempt = pc.field("attempt")
        where = (attempt >= wanted[0]) & (attempt <= wanted[-1]) & attempt.isin(pa.array(wanted))
        return dataset.to_table(columns=names, filter=where)

    def iterate(self, name: str, *, where: pc.Expression | None = None) -> Iterator[pa.RecordBatch]:
        """Rows of a table in batches, for tables that do not fit in memory."""
        dataset = self.dataset(name)
        if dataset is not None:
            yield from dataset.to_batches(filter=where)

    def compact(self, names: Iterable[str]) -> None:
        """Merge the small files of tables that have gathered many; readers are not disturbed."""
        for name in names:
            table = self._open(name)
            if table is not None and len(table.file_uris()) > COMPACT_ABOVE_FILES:
                table.optimize.compact()

    def _open(self, name: str) -> Any | None:
        from deltalake import DeltaTable

        if name in self._handles:
            # A handle that is kept reads only what was committed since.
            self._handles[name].update_incremental()
            return self._handles[name]
        options = delta_options(self._storage.url)
        if not DeltaTable.is_deltatable(self._location(name), storage_options=options):
            return None
        self._handles[name] = DeltaTable(self._location(name), storage_options=options)
        return self._handles[name]

    def _location(self, name: str) -> str:
        """A table's place as Delta takes it: a local path as a URL, in which % and # are escaped."""
        root = self._storage.local_root
        return self.uri(name) if root is None else (root / "tables" / name).as_uri()


def delta_options(url: str) -> dict[str, str] | None:
    """Delta's own storage options: on S3, conditional puts and the endpoint of the environment."""
    if not url.startswith("s3://"):
        return None
    options = {
        "aws_conditional_put": "etag",
        # An endpoint that is gone for half a minute is waited for.
        "max_retries": "20",
        "retry_timeout": "90s",
        "backoff_config.init_backoff": "200ms",
        "backoff_config.max_backoff": "5s",
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options["aws_endpoint"] = endpoint
        options["aws_allow_http"] = "true" if endpoint.startswith("http://") else "false"
    return options


def ipc_bytes(table: pa.Table) -> bytes:
    """A table as Arrow IPC, the form in which records travel between processes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return cast(bytes, sink.getvalue().to_pybytes())


def from_ipc(data: bytes) -> pa.Table:
    """The table that `ipc_bytes` wrote."""
    with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
        return reader.read_all()

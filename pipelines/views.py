"""SQL views in which only records count that the ledger names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import unquote

import pyarrow as pa

from curation.base.ledger import Attempt, UnitRow
from curation.base.records import Record, arrow_schema
from curation.base.rejects import Rejected
from curation.base.storage import is_local
from curation.base.tables import table_schema
from curation.records import Input
from pipelines.dag import Dag, Segment
from pipelines.reduction import ALL
from pipelines.run_view import RunView

_PLAIN_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN", pa.binary(): "BLOB"}


def record_tables(dag: Dag) -> list[str]:
    """Names of the tables that a DAG writes records to, rejects last."""
    return list(_record_types(dag))


def duckdb_views(view: RunView) -> str:
    """DuckDB statements that make a view per table, over the Parquet files of its present version.

    They count what `RunView` counts. They need no DuckDB extension for a local run, and httpfs for one
    on S3.
    """
    counted = "\n    OR ".join(_counted(view, segment) for segment in view.dag.segments())
    units = _rows(view, UnitRow.TABLE, arrow_schema(UnitRow))
    statements = [
        "-- The newest result of a stage on a unit: the highest revision, then the highest epoch.",
        f"CREATE VIEW results AS SELECT * FROM {units}\n"
        "  QUALIFY row_number() OVER (PARTITION BY stage, unit ORDER BY revision DESC, epoch DESC) = 1;",
        "-- Results count for the units that the run's present inputs, shards and stages call for.",
        f"CREATE VIEW units AS SELECT * FROM results\n  WHERE {counted};",
        "-- A record counts only when units names its attempt.",
    ]
    for name, schema in _record_types(view.dag).items():
        statements.append(
            f"CREATE VIEW {name} AS SELECT records.* FROM {_rows(view, name, schema, hive=True)} AS records\n"
            "  SEMI JOIN units USING (attempt);"
        )
    statements += [
        f"CREATE VIEW {Input.TABLE} AS SELECT * FROM {_rows(view, Input.TABLE, table_schema(Input))};",
        f"CREATE VIEW {Attempt.TABLE} AS SELECT * FROM {_rows(view, Attempt.TABLE, arrow_schema(Attempt))};",
    ]
    return "\n".join(statements)


def _record_types(dag: Dag) -> dict[str, pa.Schema]:
    types: list[type[Record]] = [*(node.stage.output for node in dag), Rejected]
    return {cls.TABLE: table_schema(cls) for cls in types}


def _counted(view: RunView, segment: Segment) -> str:
    """The condition under which a row of `results` is of a segment's stages and one of its units."""
    stages = f"stage IN {_tuple(node.name for node in segment.nodes)}"
    if segment.is_reduce:
        return f"({stages} AND unit = {_quoted(ALL)})"
    if segment.scope == view.dag.root:
        scope = view.scope(segment)
        if view.limit is None or scope is None:
            return f"({stages})"
        return f"({stages} AND unit IN {_tuple(scope.units())})"
    cls = view.dag.output_type(segment.scope)
    rows = _rows(view, cls.TABLE, table_schema(cls), hive=True)
    return (
        f"({stages} AND unit IN (SELECT {segment.unit_field} FROM {rows} SEMI JOIN\n"
        f"      (SELECT attempt FROM results WHERE stage = {_quoted(segment.scope)}) USING (attempt)))"
    )


def _rows(view: RunView, name: str, schema: pa.Schema, *, hive: bool = False) -> str:
    """What to select a table's rows from; no rows, but its columns, where it has no files yet."""
    files = view.tables.files(name)
    if not files:
        columns = ", ".join(f"NULL::{_sql_type(field.type)} AS {_name(field.name)}" for field in schema)
        return f"(SELECT {columns} WHERE false)"
    options = "true, hive_types = {'stage_key': VARCHAR}" if hive else "false"
    return f"read_parquet({_list(files)},\n    hive_partitioning = {options})"


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"{_sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return "STRUCT(" + ", ".join(f"{_name(field.name)} {_sql_type(field.type)}" for field in kind) + ")"
    return _PLAIN_TYPES.get(kind, "VARCHAR")


def _list(files: Sequence[str]) -> str:
    return "[" + ", ".join(_quoted(_path(file)) for file in files) + "]"


def _path(file: str) -> str:
    """A file as DuckDB takes it: Delta escapes local paths as URLs."""
    return unquote(file.removeprefix("file://")) if is_local(file) else file


def _tuple(texts: Iterable[str]) -> str:
    """A list for IN, which may not be empty in SQL: NULL is equal to nothing."""
    return "(" + (", ".join(_quoted(text) for text in texts) or "NULL") + ")"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _name(text: str) -> str:
    return f'"{text}"'

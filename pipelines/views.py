"""SQL views in which only records count that the ledger names."""

from __future__ import annotations

from collections.abc import Sequence

from curation.base.ledger import UnitRow
from curation.base.tables import Tables
from pipelines.dag import Dag


def record_tables(dag: Dag) -> list[str]:
    """Names of the tables that a DAG writes records to, rejects last."""
    names = dict.fromkeys(node.stage.output.TABLE for node in dag)
    return [*names, "rejected"]


def duckdb_views(dag: Dag, tables: Tables) -> str:
    """DuckDB statements that make a view per table, over the Parquet files of its present version.

    They need no DuckDB extension for a local run, and httpfs for one on S3.
    """
    statements = [
        "-- The result of a stage on a unit that counts: the highest revision, then the highest epoch.",
        f"CREATE VIEW units AS SELECT * FROM read_parquet({_list(tables.files(UnitRow.TABLE))})\n"
        "  QUALIFY row_number() OVER (PARTITION BY stage, unit ORDER BY revision DESC, epoch DESC) = 1;",
        "-- A record counts only when units names its attempt.",
    ]
    for name in record_tables(dag):
        files = tables.files(name)
        if files:
            statements.append(
                f"CREATE VIEW {name} AS SELECT records.* FROM read_parquet({_list(files)},\n"
                "    hive_partitioning = true, hive_types = {'stage_key': VARCHAR}) AS records\n"
                "  SEMI JOIN units USING (attempt);"
            )
    for name in ("inputs", "attempts"):
        files = tables.files(name)
        if files:
            statements.append(
                f"CREATE VIEW {name} AS SELECT * FROM read_parquet({_list(files)}, "
                "hive_partitioning = false);"
            )
    return "\n".join(statements)


def _list(files: Sequence[str]) -> str:
    quoted = ("'" + file.removeprefix("file://").replace("'", "''") + "'" for file in files)
    return "[" + ", ".join(quoted) + "]"

"""cliploom tables."""

from __future__ import annotations

import base64
import json

import click

from pipelines.cli.messages import BadUsage, user_errors
from pipelines.cli.options import json_option, saved_pipeline

MAX_CHARS = 600
"""Of a value on a line."""


@click.command("tables")
@click.argument("run")
@click.argument("table", required=False)
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most rows to show.")
@click.option(
    "--sql", is_flag=True, help="Print DuckDB views of all tables: duckdb -init <(cliploom tables RUN --sql)"
)
@json_option("Print one JSON object per row, bytes as base64.")
def command(run: str, table: str | None, limit: int, sql: bool, as_json: bool) -> None:
    """List the tables of RUN, or show the rows of one that count.

    Tables are Delta Lake tables of Parquet files below RUN/tables; any engine reads them. A record
    counts only when the table `units` names its attempt, which is what this command and its views show.
    """
    import shutil

    from curation.base.workspace import Workspace
    from pipelines.build import build
    from pipelines.run_view import RunView
    from pipelines.views import duckdb_views, record_tables

    with user_errors():
        config, saved = saved_pipeline(run)
        workspace = Workspace.open(run)
        try:
            view = RunView.open(build(config, workspace), workspace, saved["limit"])
            if sql:
                click.echo(duckdb_views(view))
                return
            names = record_tables(view.dag)
            if table is None:
                for name in names:
                    click.echo(f"{name:<16}{view.table(name).num_rows:>9} rows  {view.tables.uri(name)}")
                return
            if table not in names:
                raise BadUsage(f"no table '{table}'; there are: {', '.join(names)}")
            rows = view.table(table)
        finally:
            shutil.rmtree(workspace.scratch, ignore_errors=True)
    for row in rows.slice(0, limit).to_pylist():
        if as_json:
            click.echo(json.dumps(row, ensure_ascii=False, default=_base64))
        else:
            click.echo("  ".join(f"{key}={_short(value)}" for key, value in row.items()))
    if rows.num_rows > limit:
        click.echo(f"({rows.num_rows - limit} more rows; --limit {rows.num_rows} shows them)", err=True)


def _base64(value: object) -> str:
    """Bytes for JSON."""
    assert isinstance(value, bytes), f"no column of a table holds a {type(value).__name__}"
    return base64.b64encode(value).decode()


def _short(value: object) -> str:
    """A value on one line: names of files are strangers' texts, and may hold what steers a terminal."""
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(value))
    return text if len(text) <= MAX_CHARS else text[: MAX_CHARS - 3] + "..."

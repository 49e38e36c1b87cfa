"""cliploom retry."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from pipelines.cli import DONE
from pipelines.cli.messages import BadUsage, user_errors
from pipelines.cli.options import saved_pipeline

if TYPE_CHECKING:
    from pipelines.config import PipelineConfig


@click.command("retry")
@click.argument("run")
@click.option("--stage", help="Only rejects of this stage.")
@click.option("--reason", help="Only rejects for this reason, e.g. decode_timeout.")
def command(run: str, stage: str | None, reason: str | None) -> int:
    """Try the rejected inputs of RUN again, with the config it was last run with.

    A retried result is a new revision; whatever it changes downstream is redone.
    """
    from curation.base.ledger import UnitRow
    from curation.base.rejects import Reason, Rejected
    from curation.base.storage import Storage
    from curation.base.tables import Tables
    from pipelines.cli.closing import closing_text
    from pipelines.cli.ending import exit_code, stage_failures
    from pipelines.run import run as run_again

    with user_errors(), stage_failures():
        config, saved = saved_pipeline(run)
        _check("--stage", stage, _stages(config, run))
        _check("--reason", reason, list(Reason))
        table = Tables(Storage(run)).read(Rejected.TABLE, columns=["attempt", "stage", "reason"])
        chosen = {
            row["attempt"]
            for row in (table.to_pylist() if table is not None else [])
            if (stage is None or row["stage"] == stage) and (reason is None or row["reason"] == reason)
        }
        if not chosen:
            click.echo("no reject fits: nothing to retry")
            return DONE

        def again(row: UnitRow) -> bool:
            return row.attempt in chosen

        summary = run_again(
            config,
            saved["inputs"],
            run,
            limit=saved["limit"],
            retry=again,
            say=lambda line: click.echo(line, err=True),
        )
    click.echo(closing_text(summary, config, "CONFIG", run))
    return exit_code(summary, config)


def _stages(config: PipelineConfig, run: str) -> list[str]:
    from curation.base.workspace import Workspace
    from pipelines.build import build

    workspace = Workspace.open(run)
    try:
        return [node.name for node in build(config, workspace)]
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)


def _check(option: str, value: str | None, allowed: Iterable[str]) -> None:
    if value is not None and value not in allowed:
        raise BadUsage(f"{option} {value}: there is none of that name; there are: {', '.join(allowed)}")

"""cliploom retry."""

from __future__ import annotations

import click

from pipelines.cli.messages import user_errors
from pipelines.cli.options import saved_pipeline


@click.command("retry")
@click.argument("run")
@click.option("--stage", help="Only rejects of this stage.")
@click.option("--reason", help="Only rejects for this reason, e.g. decode_timeout.")
def command(run: str, stage: str | None, reason: str | None) -> None:
    """Try the rejected inputs of RUN again, with the config it was last run with.

    A retried result is a new revision; whatever it changes downstream is redone.
    """
    from curation.base.ledger import UnitRow
    from curation.base.rejects import Rejected
    from curation.base.storage import Storage
    from curation.base.tables import Tables
    from pipelines.cli.closing import closing_text
    from pipelines.run import run as run_again

    with user_errors():
        config, saved = saved_pipeline(run)
        table = Tables(Storage(run)).read(Rejected.TABLE, columns=["attempt", "stage", "reason"])
        chosen = {
            row["attempt"]
            for row in (table.to_pylist() if table is not None else [])
            if (stage is None or row["stage"] == stage) and (reason is None or row["reason"] == reason)
        }
        if not chosen:
            click.echo("no reject fits: nothing to retry")
            return

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

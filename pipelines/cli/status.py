"""cliploom status."""

from __future__ import annotations

import json

import click

from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option, saved_pipeline


@click.command("status")
@click.argument("run")
@json_option("Print one JSON object.")
def command(run: str, as_json: bool) -> None:
    """Say how far RUN is: per stage, inputs committed, rejected and pending.

    The three add up to the inputs of the stage, which are the outputs so far of the stage above.
    """
    import shutil

    from curation.base.workspace import Workspace
    from pipelines.build import build
    from pipelines.run_view import RunView

    with user_errors():
        config, saved = saved_pipeline(run)
        workspace = Workspace.open(run)
        try:
            view = RunView.open(build(config, workspace), workspace, saved["limit"])
            counts = view.counts()
            reasons = view.reject_reasons()
        finally:
            shutil.rmtree(workspace.scratch, ignore_errors=True)
    stages = {
        name: {
            "inputs": count.inputs,
            "committed": count.committed,
            "rejected": count.rejected,
            "pending": count.pending,
            "outputs": count.outputs,
        }
        for name, count in counts.items()
    }
    if as_json:
        click.echo(json.dumps({"run_id": saved["run_id"], "stages": stages, "rejected": reasons}))
        return
    click.echo(f"run {saved['run_id']} at {workspace.storage.url}")
    wide = max(len(name) for name in stages) + 1
    click.echo(f"{'stage':<{wide}}{'inputs':>9}{'committed':>11}{'rejected':>10}{'pending':>9}{'outputs':>9}")
    for name, row in stages.items():
        click.echo(
            f"{name:<{wide}}{row['inputs']:>9}{row['committed']:>11}{row['rejected']:>10}"
            f"{row['pending']:>9}{row['outputs']:>9}"
        )
    for reason, number in reasons.items():
        click.echo(f"rejected: {reason} {number}")

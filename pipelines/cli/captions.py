"""cliploom captions."""

from __future__ import annotations

import json

import click

from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option, saved_pipeline


@click.command("captions")
@click.argument("run")
@click.option(
    "--clip", "clip_id", required=True, help="The clip's id, or as much of its beginning as is unique."
)
@json_option("Print one JSON object.")
def command(run: str, clip_id: str, as_json: bool) -> None:
    """Print the captions of a clip of RUN: each source line with its time and confidence, the fused texts
    claim by claim with the lines they cite, what was left out or dropped, translations, speech in doubt, what
    filters and gates measured, and where it all comes from.
    """
    import shutil

    from curation.base.workspace import Workspace
    from pipelines import inspecting
    from pipelines.build import build
    from pipelines.report.run_records import CommittedRecords
    from pipelines.run_view import RunView

    with user_errors():
        config, saved = saved_pipeline(run)
        workspace = Workspace.open(run)
        try:
            view = RunView.open(build(config, workspace), workspace, saved["limit"])
            found = inspecting.inspect(CommittedRecords(view), clip_id)
        finally:
            shutil.rmtree(workspace.scratch, ignore_errors=True)
    if as_json:
        # Escaped, as a model's or a file's text may hold characters that a terminal obeys.
        click.echo(json.dumps(inspecting.as_json(found)))
        return
    for line in inspecting.as_text(found, min(shutil.get_terminal_size((100, 24)).columns, 120)):
        click.echo(line)

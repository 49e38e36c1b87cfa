"""cliploom run."""

from __future__ import annotations

import json

import click

from pipelines.cli import DONE, FAILED, PARTIAL
from pipelines.cli.messages import WorkFailed, user_errors
from pipelines.cli.options import json_option, load_pipeline, set_option


@click.command("run")
@click.argument("config")
@click.option(
    "--input", "inputs", multiple=True, required=True, help="Video file, folder or URL (repeatable)."
)
@click.option("--output", required=True, help="Folder or URL of the run; made if it is not there.")
@click.option("--executor", type=click.Choice(["local", "ray"]), help="Default: what the config says.")
@click.option("--limit", type=click.IntRange(min=1), help="Take the first N input files only.")
@set_option
@json_option("End stdout with one JSON object that sums up the run.")
def command(
    config: str,
    inputs: tuple[str, ...],
    output: str,
    executor: str | None,
    limit: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Bring the run at --output up to date with its inputs and CONFIG.

    Segments the videos, captions each clip three ways, fuses the captions, packs shards, trains if the
    config has a training section, and writes a report. What is done already is not done again.
    """
    from pipelines.cli.closing import closing_text
    from pipelines.executors.base import StageFailed
    from pipelines.run import RunSummary, run

    if executor is not None:
        overrides = (*overrides, f"execution.executor={executor}")
    with user_errors():
        settings = load_pipeline(config, overrides, output)
        try:
            summary: RunSummary = run(
                settings, inputs, output, limit=limit, say=lambda line: click.echo(line, err=True)
            )
        except StageFailed as error:
            raise WorkFailed(
                f"{error}\nThis is a bug in the stage. What was done is committed; "
                "the same command continues."
            ) from None
    if as_json:
        click.echo(json.dumps(summary.to_json()))
    else:
        click.echo(closing_text(summary, settings, config, output))
    if summary.postponed:
        stage, unit, fault = summary.postponed[0]
        click.echo(
            f"cliploom: {len(summary.postponed)} units are still pending after passing faults, e.g. in stage "
            f"'{stage}' (unit {unit}): {fault}. Run the same command again.",
            err=True,
        )
        return FAILED
    tolerated = settings.execution.tolerance * summary.inputs
    return PARTIAL if summary.rejected_inputs > tolerated else DONE

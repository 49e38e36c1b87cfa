"""cliploom run."""

from __future__ import annotations

import json

import click

from pipelines.cli.messages import user_errors
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
    from pipelines.cli.ending import exit_code, stage_failures
    from pipelines.run import run

    if executor is not None:
        overrides = (*overrides, f"execution.executor={executor}")
    with user_errors(), stage_failures():
        settings = load_pipeline(config, overrides, output)
        summary = run(settings, inputs, output, limit=limit, say=lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(summary.to_json()))
    else:
        click.echo(closing_text(summary, settings, config, output))
    return exit_code(summary, settings)

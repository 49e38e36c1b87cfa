"""cliploom plan."""

from __future__ import annotations

import json

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option, load_pipeline, set_option


@click.command("plan")
@click.argument("config")
@click.option(
    "--input", "inputs", multiple=True, required=True, help="Video file, folder or URL (repeatable)."
)
@click.option("--output", required=True, help="Folder or URL the run would be at.")
@click.option("--limit", type=click.IntRange(min=1), help="Take the first N input files only.")
@set_option
@click.option("--resolved", is_flag=True, help="Print the resolved config as YAML.")
@json_option("Print one JSON object.")
def command(
    config: str,
    inputs: tuple[str, ...],
    output: str,
    limit: int | None,
    overrides: tuple[str, ...],
    resolved: bool,
    as_json: bool,
) -> int:
    """Check CONFIG, inputs and output, and say what `cliploom run` would do. Changes nothing."""
    import yaml

    from pipelines.planning import plan

    with user_errors():
        settings = load_pipeline(config, overrides, output)
        found = plan(settings, inputs, output, limit)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        if resolved:
            click.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))
        click.echo(
            f"{found.inputs} input files ({found.input_bytes / 1e6:.1f} MB), "
            f"{found.new_inputs} new or changed"
        )
        wide = max(len(name) for name in found.stages) + 1
        click.echo(f"{'stage':<{wide}}{'units done':>11}{'to do':>8}{'to redo':>9}  resources")
        for name, stage in found.stages.items():
            click.echo(
                f"{name:<{wide}}{stage.done:>11}{stage.todo:>8}{stage.redo:>9}  "
                f"{stage.cpus:g} CPU, {stage.gpus:g} GPU"
            )
        click.echo(
            f"needs about {found.output_bytes / 1e6:.0f} MB at {output}"
            + (f"; {found.free_bytes / 1e6:.0f} MB are free" if found.free_bytes is not None else "")
        )
        for remark in found.remarks:
            click.echo(f"note: {remark}")
        for problem in found.problems:
            click.echo(f"problem: {problem}", err=True)
    return FAILED if found.problems else DONE

"""cliploom schema."""

from __future__ import annotations

import json

import click


@click.command("schema")
@click.argument("which", type=click.Choice(["run", "train"]), default="run")
def command(which: str) -> None:
    """Print the JSON Schema of a run's or a training's config file.

    For completion in editors: cliploom schema > schema.json, and begin a YAML file with
    `# yaml-language-server: $schema=schema.json`.
    """
    from pipelines.config import PipelineConfig
    from training.config import TrainConfig

    model = PipelineConfig if which == "run" else TrainConfig
    click.echo(json.dumps(model.model_json_schema(), indent=2))

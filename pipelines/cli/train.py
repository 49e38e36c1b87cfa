"""cliploom train."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from pipelines.cli import DONE, INTERRUPTED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option, set_option


@click.command("train")
@click.argument("config")
@click.option("--output", help="Local folder of checkpoints and logs; default: trained/CONFIG's name.")
@set_option
@click.option("--no-resume", is_flag=True, help="Refuse a folder that already has checkpoints.")
@click.option(
    "--accept-new-shards", is_flag=True, help="Take up a data set that has changed, after the present pass."
)
@click.option("--follow", is_flag=True, help="Read new generations as they are committed: data.follow=true.")
@json_option("End stdout with one JSON object that sums up the training.")
def command(
    config: str,
    output: str | None,
    overrides: tuple[str, ...],
    no_resume: bool,
    accept_new_shards: bool,
    follow: bool,
    as_json: bool,
) -> int:
    """Train as CONFIG says, from shard URLs: --set data.train=RUN/shards.

    Continues from the newest checkpoint of the output folder, with the same stream of samples.
    """
    from pipelines.config_file import load_config
    from training.config import TrainConfig

    with user_errors():
        following = ("data.follow=true",) if follow else ()
        settings = load_config(TrainConfig, config, (*overrides, *following))
        from training.progress import TrainingProgress
        from training.run import train

        folder = output or str(Path("trained") / Path(config).stem)
        with TrainingProgress(sys.stderr) as show:
            result = train(
                settings,
                output=folder,
                resume=not no_resume,
                accept_new_shards=accept_new_shards,
                on_log=show,
            )
    if as_json:
        click.echo(json.dumps(asdict(result)))
    elif result.nothing_to_do:
        click.echo(f"nothing left to do: all {result.steps} steps were made; checkpoint {result.checkpoint}")
    else:
        state = "interrupted; the same command continues" if result.interrupted else "done"
        loss = f", loss {result.loss:.4f}" if result.loss is not None else ""
        click.echo(
            f"{state}: steps {result.first_step} to {result.step} of {result.steps}{loss}, "
            f"{result.samples_per_s:.1f} samples/s, "
            f"waited {result.data_wait_share:.0%} of the time for data\n"
            f"  checkpoint  {result.checkpoint}\n"
            f"  logs        {folder}/metrics.jsonl, tensorboard --logdir {folder}/tensorboard"
        )
    return INTERRUPTED if result.interrupted else DONE

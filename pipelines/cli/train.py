"""cliploom train."""

from __future__ import annotations

import json
import os
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli import DONE, FAILED, INTERRUPTED
from pipelines.cli.messages import BadUsage, user_errors
from pipelines.cli.options import json_option, set_option

if TYPE_CHECKING:
    from training.config import TrainConfig
    from training.logs.metrics import OnLog


@click.command("train")
@click.argument("config")
@click.option("--output", help="Local folder of checkpoints and logs; default: trained/CONFIG's name.")
@set_option
@click.option("--no-resume", is_flag=True, help="Refuse a folder that already has checkpoints.")
@click.option(
    "--accept-new-shards", is_flag=True, help="Take up a data set that has changed, after the present pass."
)
@click.option("--follow", is_flag=True, help="Read new generations as they are committed: data.follow=true.")
@click.option(
    "--dry-run", is_flag=True, help="Print parameters, FLOPs, memory and batch arithmetic; train nothing."
)
@click.option("--world-size", type=click.IntRange(min=1), help="Processes that --dry-run is for; default: 1.")
@json_option("End stdout with one JSON object that sums up the training.")
def command(
    config: str,
    output: str | None,
    overrides: tuple[str, ...],
    no_resume: bool,
    accept_new_shards: bool,
    follow: bool,
    dry_run: bool,
    world_size: int | None,
    as_json: bool,
) -> int:
    """Train as CONFIG says, from shard URLs: --set data.train=RUN/shards.

    Continues from the newest checkpoint of the output folder, with the same stream of samples. On several
    processes: torchrun --nproc-per-node 8 --no-python cliploom train CONFIG
    """
    from pipelines.config_file import load_config
    from training.config import TrainConfig
    from training.errors import ToldElsewhereError

    if world_size is not None and not dry_run:
        raise BadUsage(
            f"--world-size {world_size} belongs to --dry-run; processes of a training are started by "
            "torchrun --nproc-per-node"
        )
    with user_errors():
        following = ("data.follow=true",) if follow else ()
        settings = load_config(
            TrainConfig, config, (*overrides, *following), _without_data if dry_run else None
        )
        if dry_run:
            return _dry_run(settings, world_size or 1)
        from training.run import train

        _leave_out_warnings_for_developers()
        folder = output or str(Path("trained") / Path(config).stem)
        with _progress() as show:
            try:
                result = train(
                    settings,
                    output=folder,
                    resume=not no_resume,
                    accept_new_shards=accept_new_shards,
                    on_log=show,
                )
            except ToldElsewhereError:
                return FAILED
    if not _is_first():
        return INTERRUPTED if result.interrupted else DONE
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


def _is_first() -> bool:
    """Whether this is the process that speaks for all, or a lone one."""
    return os.environ.get("RANK", "0") == "0"


def _progress() -> AbstractContextManager[OnLog | None]:
    from training.logs.progress import TrainingProgress

    return TrainingProgress(sys.stderr) if _is_first() else nullcontext()


def _without_data(values: dict[str, Any]) -> None:
    """What a training costs is known without its shards, so a dry run need not name any."""
    data = values.setdefault("data", {})
    if isinstance(data, dict) and not {"train", "mixture"} & data.keys():
        from training.estimate.dry_run import NO_DATA

        data["train"] = NO_DATA


def _dry_run(config: TrainConfig, world_size: int) -> int:
    from training.estimate.dry_run import estimate
    from training.estimate.text import render

    click.echo(render(estimate(config, world_size)))
    return DONE


def _leave_out_warnings_for_developers() -> None:
    """What torch says to those who write engines, at each step, between the lines of the progress."""
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")
    # Outputs are not changed in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")

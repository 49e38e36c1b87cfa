"""cliploom checkpoints: each command lives in its own file."""

from __future__ import annotations

import click

from pipelines.cli import LazyGroup

SECTIONS = {
    "Commands": {
        "inspect": "Say what a checkpoint is, and whether its model would load.",
        "convert": "Write a checkpoint as a folder that says what it is.",
    },
}


@click.group("checkpoints", cls=LazyGroup, package="pipelines.cli.checkpoints", sections=SECTIONS)
def command() -> None:
    """Look at released and trained checkpoints, and convert them.

    FILE is a file of torch.save or safetensors as InternVideo2, VideoMAE and InternVL publish them, a folder
    that convert wrote, or a checkpoint or output folder of cliploom train. Nothing in a file is executed.
    """

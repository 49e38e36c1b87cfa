"""cliploom checkpoints convert."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from pipelines.cli import DONE
from pipelines.cli.checkpoints.options import checkpoint_errors, hint_options
from pipelines.cli.shards.texts import plain, size_text


@click.command("convert")
@click.argument("file")
@click.option("--output", required=True, help="Folder to write; it must not exist.")
@click.option(
    "--frames",
    type=click.IntRange(1, 256),
    help="Interpolate positions in time to so many frames; default: as they are.",
)
@click.option(
    "--size-px",
    type=click.IntRange(14, 1024),
    help="Interpolate positions in space to frames of this side, in pixels; default: as they are.",
)
@click.option(
    "--gelu",
    type=click.Choice(["tanh", "erf"]),
    help="Form of GELU that the weights were trained with; released ones: tanh (the default).",
)
@hint_options
def command(
    file: str,
    output: str,
    frames: int | None,
    size_px: int | None,
    gelu: Literal["tanh", "erf"] | None,
    heads: int | None,
    file_frames: int | None,
    ignored: tuple[str, ...],
) -> int:
    """Write the model in FILE as --output/model.safetensors and config.json, and load it again to check.

    The folder builds the model by itself (training.released.load.load_model), starts a student and serves
    as a teacher. Positions are interpolated only where --frames or --size-px ask for it. All keys must fit.
    """
    with checkpoint_errors():
        from training.released.architecture import Hints
        from training.released.convert import convert

        done = convert(
            Path(file),
            Path(output),
            Hints(heads=heads, frames=file_frames, gelu=gelu),
            num_frames=frames,
            size_px=size_px,
            ignored=ignored,
        )
    encoder = done.description.encoder
    click.echo(
        f"{plain(done.folder)}: {done.description.kind}, {done.parameters:,} parameters, "
        f"{size_text(done.size_bytes)}, {encoder.num_frames} frames of {encoder.size_px} px, "
        f"gelu {encoder.gelu}"
    )
    for change in done.changes:
        click.echo(f"  {plain(change)}")
    return DONE

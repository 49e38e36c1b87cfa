"""cliploom segment."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli import DONE, FAILED, PARTIAL, USAGE
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option, set_option

_OUTPUT = click.Path(path_type=Path)


@click.command("segment")
@click.argument("files", nargs=-1, required=True)
@json_option("Print one JSON object per file, each on a line.")
@click.option("--contact-sheet", metavar="PNG", type=_OUTPUT, help="Draw the first and last frames of shots.")
@click.option("--edl", metavar="EDL", type=_OUTPUT, help="Write an edit decision list (CMX 3600).")
@click.option("--split", metavar="DIR", type=_OUTPUT, help="Write each clip to an mp4 in this folder.")
@click.option("--overwrite", is_flag=True, help="Replace what is there already.")
@set_option
def command(
    files: tuple[str, ...],
    as_json: bool,
    contact_sheet: Path | None,
    edl: Path | None,
    split: Path | None,
    overwrite: bool,
    overrides: tuple[str, ...],
) -> int:
    """Find the shots of video FILES, each a file, a folder or an fsspec URL.

    Prints them, and writes them as pictures, as an edit decision list, or as clips. A file that cannot be
    used is named on stderr and the others are still done; the exit code is then 3, or 1 if none is left.
    """
    from pipelines.config import PipelineConfig
    from pipelines.config_file import default_config
    from pipelines.segmenting.deliver import Delivery, Wishes
    from pipelines.segmenting.files import MISSING, Unreadable, find_files, segment

    with user_errors():
        config = default_config(PipelineConfig, overrides).curation
        found = find_files(files)
        delivery = Delivery(
            Wishes(as_json, contact_sheet, edl, split, overwrite),
            [item.uri for item in found],
            say=click.echo,
            warn=lambda text: click.echo(f"cliploom: {text}", err=True),
        )
        for item in segment(found, config):
            delivery.add(item)
        delivery.finish()
    if not delivery.problems:
        return DONE
    if delivery.readable:
        return PARTIAL
    return USAGE if all(isinstance(item, Unreadable) and item.reason == MISSING for item in found) else FAILED

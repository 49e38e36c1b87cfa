"""cliploom segment."""

from __future__ import annotations

import json

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option


@click.command("segment")
@click.argument("files", nargs=-1, required=True)
@json_option("Print one JSON object per file.")
def command(files: tuple[str, ...], as_json: bool) -> int:
    """Print the shots of video FILES, each a file, a folder or an fsspec URL."""
    from pipelines.config import CurationConfig
    from pipelines.segmenting import Unreadable, segment

    code = DONE
    with user_errors():
        for found in segment(files, CurationConfig()):
            if isinstance(found, Unreadable):
                click.echo(f"cliploom: {found}", err=True)
                code = FAILED
            elif as_json:
                click.echo(json.dumps(found))
            else:
                click.echo(f"{found['file']}: {found['num_frames']} frames, {len(found['clips'])} shots")
                for clip in found["clips"]:
                    click.echo(
                        f"  {clip['start_s']:>10.3f} s  {clip['end_s']:>10.3f} s  "
                        f"frames {clip['start_frame']}-{clip['end_frame']}"
                    )
    return code

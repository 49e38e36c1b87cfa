"""cliploom shards stats."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.options import workers_option
from pipelines.cli.shards.progress import bar
from pipelines.cli.shards.texts import duration_text, plain, size_text

SHOWN = 12


@click.command("stats")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--index-only", is_flag=True, help="Read indexes only: no languages, licences, models, sizes and rates."
)
@workers_option
@json_option("Print one JSON object.")
def command(urls: tuple[str, ...], index_only: bool, workers: int, as_json: bool) -> int:
    """Count samples, hours and bytes; by split and generation; lengths, languages, sizes, rates, models.

    Reads the indexes and the .json and .txt members, shard by shard. Exit code 1 if a shard could not be
    read.
    """
    from shards.reading.stats import stats

    with user_errors(), bar("shards") as show:
        found = stats(urls, texts=not index_only, workers=workers, told=show)
    values = found.to_dict()
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False))
        return FAILED if found.unread else DONE
    click.echo(
        f"dataset {found.version[:12]}: {values['samples']:,} samples in {values['shards']:,} shards, "
        f"{duration_text(values['duration_s'])}, {size_text(values['size_bytes'])}"
    )
    for split, part in values["splits"].items():
        length, size = duration_text(part["duration_s"]), size_text(part["size_bytes"])
        click.echo(f"  split {plain(split) or '-'}: {part['samples']:,} samples, {length}, {size}")
    for title, name in (
        ("samples per shard", "samples_per_shard"),
        ("seconds of a sample", "duration_quantiles_s"),
        ("characters of a caption", "caption_chars_quantiles"),
    ):
        shown = ", ".join(f"{_share(share)} {value:,}" for share, value in values[name].items())
        click.echo(f"{title}: {shown or 'none'}")
    for title, name in (
        ("generations", "generations"),
        ("members", "members"),
        ("fused captions", "fused_kinds"),
        ("languages", "languages"),
        ("licences", "licences"),
        ("sizes", "resolutions"),
        ("frames per second", "rates_fps"),
    ):
        if values[name]:
            click.echo(f"{title}: {_listed(values[name])}")
    for model in values["models"]:
        parts = (plain(model[each]) for each in ("modality", "model", "revision"))
        click.echo("model: {} by {} {}".format(*parts) + f", {model['samples']:,} samples")
    for url, why in found.unread.items():
        click.echo(f"not read: {plain(url)}: {plain(why)}", err=True)
    return FAILED if found.unread else DONE


def _share(share: str) -> str:
    return {"0": "least", "0.5": "median", "1": "most"}.get(share, f"{float(share):.0%}")


def _listed(counts: Mapping[str, float]) -> str:
    shown = [f"{plain(name, 60)} {count:,}" for name, count in list(counts.items())[:SHOWN]]
    return ", ".join(shown) + (f", and {len(counts) - SHOWN} more" if len(counts) > SHOWN else "")

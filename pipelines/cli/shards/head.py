"""cliploom shards head."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.texts import plain, size_text


@click.command("head")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "-n", "--count", type=click.IntRange(1, 1 << 40), default=5, show_default=True, help="Samples to show."
)
@click.option("--split", help="Of this split only.")
@json_option("Print one JSON object per sample.")
def command(urls: tuple[str, ...], count: int, split: str | None, as_json: bool) -> int:
    """Show the first samples. Tars of others need no index. Exit code 1 if there is none."""
    from shards.reading.head import head

    with user_errors():
        shown = False
        for sample in head(urls, count, split=split):
            shown = True
            if as_json:
                click.echo(json.dumps(asdict(sample), ensure_ascii=False))
                continue
            sizes = ", ".join(f"{plain(name)} {size_text(size)}" for name, size in sample.size_bytes.items())
            length = f"{sample.duration_s:.2f} s" if sample.duration_s is not None else "unknown length"
            where = f"{plain(sample.split)}  " if sample.split else ""
            click.echo(f"{plain(sample.key)}  {where}{length}  {sizes}  in {plain(sample.shard)}")
            kinds = sample.metadata.get("fused")
            texts = [each for each in kinds if isinstance(each, dict)] if isinstance(kinds, list) else []
            for each in texts:
                click.echo(f"  {plain(each.get('kind'))}: {plain(each.get('text'))}")
            if sample.problem:
                click.echo(f"  {plain(sample.problem)}; cliploom shards verify tells more")
            if not texts and sample.caption:
                click.echo(f"  {plain(sample.caption)}")
        if not shown:
            click.echo("no sample there", err=True)
    return DONE if shown else FAILED

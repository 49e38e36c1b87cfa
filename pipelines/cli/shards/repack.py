"""cliploom shards repack."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli.messages import BadUsage, user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.options import packing_options, pairs, scratch_folder, workers_option


@click.command("repack")
@click.argument("urls", nargs=-1, required=True, metavar="IN... OUT")
@click.option(
    "--where",
    help="Take only samples that this is true of, e.g. \"scores.motion > 0.3 and split == 'train'\": "
    "fields of the .json, and key, split, generation, duration_s, caption_chars, size_bytes, extensions.",
)
@click.option(
    "--table",
    "tables",
    metavar="NAME=FILE",
    multiple=True,
    help="A .parquet, .csv, .tsv or .jsonl with a column 'key' or 'clip_id', whose columns --where may use "
    "as NAME.column (repeatable).",
)
@click.option("--split", "splits", multiple=True, help="Take only this split (repeatable).")
@click.option("--prefix-keys", is_flag=True, help="Set the number of the input before each key.")
@packing_options
@click.option(
    "--scratch-bytes",
    type=click.IntRange(min=1 << 20),
    default=16 << 30,
    show_default=True,
    help="Scratch to use at a time; each input is read once per so many bytes of output.",
)
@workers_option
@json_option("Print one JSON object.")
def command(
    urls: tuple[str, ...],
    where: str | None,
    tables: tuple[str, ...],
    splits: tuple[str, ...],
    prefix_keys: bool,
    count: int,
    shard_bytes: int,
    seed: int,
    lanes: int | None,
    scratch: str | None,
    scratch_bytes: int,
    workers: int,
    as_json: bool,
) -> None:
    """Write the samples of the datasets IN... to OUT, all or those that --where is true of.

    Merges datasets and generations, and keeps the splits. Bytes are copied: nothing is captioned or encoded
    again. The same inputs and options give the same bytes, with any number of workers and after a try that
    was killed; run the same command again to continue.
    """
    from pipelines.cli.shards.progress import counter
    from pipelines.cli.shards.texts import duration_text, size_text
    from shards.writing.assembly.layout import Packing
    from shards.writing.repack import RepackConfig, repack

    if len(urls) < 2:
        raise BadUsage("give at least one dataset to read, and the folder to write to: repack IN... OUT")
    *inputs, output = urls
    named = dict(pairs(tables, "--table", "verdicts=verdicts.jsonl"))
    if named and where is None:
        click.echo("--table is not used: its columns are for --where, and none is given", err=True)
    config = RepackConfig(
        packing=Packing(count, shard_bytes, seed),
        where=where,
        tables={} if where is None else named,
        splits=splits,
        prefix_keys=prefix_keys,
        lanes=lanes,
        scratch_bytes=scratch_bytes,
        workers=workers,
    )
    with user_errors(), counter("samples looked at and written") as told:
        place = scratch_folder(scratch, output)
        report = repack(inputs, output, place, config, planned=told, copied=told)
    made = report.published
    if as_json:
        click.echo(json.dumps(asdict(report)))
        return
    length = f", {duration_text(made.duration_s)}" if made.duration_s else ""
    again = f", {report.met_again} met again and taken once" if report.met_again else ""
    click.echo(
        f"{made.num_samples} of {report.num_seen} samples ({report.left_out} left out{again}) in "
        f"{made.num_shards} "
        f"shards, {size_text(made.size_bytes)}{length}: {output}, dataset "
        f"{made.version[:12]}{', as it was' if made.unchanged else ''}"
    )

"""cliploom shards index."""

from __future__ import annotations

import json

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.options import pairs, workers_option
from pipelines.cli.shards.progress import bar
from pipelines.cli.shards.texts import plain

SHOWN = 20


@click.command("index")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--output",
    metavar="FOLDER",
    help="Put indexes and manifest here, where the tars lie in a place to read only.",
)
@click.option(
    "--split",
    "splits",
    metavar="NAME=GLOB",
    multiple=True,
    help="Tars whose path fits are of this split, e.g. val='val-*' (repeatable; the first fit counts).  "
    "[default: all are of train]",
)
@click.option(
    "--probe", is_flag=True, help="Measure media whose length no .json tells; takes a decoder per sample."
)
@click.option(
    "--lanes",
    type=click.IntRange(1, 65536),
    default=64,
    show_default=True,
    help="Canonical lanes of the order.",
)
@workers_option
@json_option("Print one JSON object.")
def command(
    urls: tuple[str, ...],
    output: str | None,
    splits: tuple[str, ...],
    probe: bool,
    lanes: int,
    workers: int,
    as_json: bool,
) -> int:
    """Index tars that anyone wrote, so that they are read in exact order, with exact resume.

    URLS are tars, or folders with tars below. The tars stay as they are; NAME.index.parquet and manifest.json
    are put beside them. Members of types that are not read, and samples that cannot be told apart, are left
    out and counted. Run it again when tars were added or changed: only those are read. Exit code 1 if a tar
    ends early, is damaged or is none; what is whole is indexed all the same.
    """
    from shards.writing.index_tars import IndexConfig, index_tars

    config = IndexConfig(
        output=output,
        splits=tuple(pairs(splits, "--split", "val='val-*'")),
        lanes=lanes,
        probe=probe,
        workers=workers,
    )
    with user_errors(), bar("tars") as show:
        report = index_tars(urls, config, show)
    if as_json:
        click.echo(json.dumps(report.to_dict()))
        return FAILED if report.broken else DONE
    for detail in report.details[:SHOWN]:
        click.echo(plain(detail), err=True)
    if len(report.details) > SHOWN:
        click.echo(f"... and {len(report.details) - SHOWN} more", err=True)
    for what, counts in (
        ("members left out, by type", report.left_out_members),
        ("samples left out", report.left_out_samples),
        ("odd", report.odd),
    ):
        if counts:
            listed = ", ".join(f"{count} {plain(name)}" for name, count in sorted(counts.items()))
            click.echo(f"{what}: {listed}")
    if report.without_duration:
        click.echo(f"{report.without_duration} samples with unknown length: --probe measures them")
    click.echo(
        f"{report.num_samples} samples in {report.num_tars} tars ({report.num_unchanged} as they were), "
        f"dataset "
        f"{report.version[:12]}"
    )
    if not report.broken:
        return DONE
    listed = ", ".join(f"{plain(path)} ({why})" for path, why in list(report.broken.items())[:SHOWN])
    more = f" and {len(report.broken) - SHOWN} more" if len(report.broken) > SHOWN else ""
    click.echo(
        f"{len(report.broken)} tars are damaged or end early: {listed}{more}. Get them again", err=True
    )
    return FAILED

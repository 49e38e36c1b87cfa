"""cliploom shards verify."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.options import workers_option
from pipelines.cli.shards.progress import bar
from pipelines.cli.shards.texts import plain, size_text


@click.command("verify")
@click.argument("urls", nargs=-1, required=True)
@click.option("--no-decode", is_flag=True, help="Do not decode media: check everything else.")
@workers_option
@json_option("Print one JSON object.")
def command(urls: tuple[str, ...], no_decode: bool, workers: int, as_json: bool) -> int:
    """Check every byte: hashes, members, media, captions, duplicates and splits.

    Shards of ours are held to all that their metadata, index and manifest claim. Tars of others, with an
    index or without, are held to what they can promise: that they can be read, that media decode, that
    samples have captions, and that no key or content is there twice or in two splits. All problems are found
    and counted; a damaged shard does not end the check. Exit code 1 if there are any.
    """
    from shards.reading.verify import verify

    with user_errors(), bar("shards") as show:
        report = verify(urls, decode=not no_decode, workers=workers, told=show)
    if as_json:
        click.echo(json.dumps({"ok": report.ok, **asdict(report)}))
        return DONE if report.ok else FAILED
    for problem in report.problems:
        place = f"{plain(problem.shard)}{f' {plain(problem.key)}' if problem.key else ''}"
        click.echo(f"{problem.fault}: {place}: {plain(problem.detail)}")
    total = sum(report.counts.values())
    if total > len(report.problems):
        counts = ", ".join(f"{count} {fault}" for fault, count in sorted(report.counts.items()))
        click.echo(f"... {total - len(report.problems)} more problems are not named; in all: {counts}")
    if report.not_read:
        left = ", ".join(f"{count} .{plain(name)}" for name, count in report.not_read.items())
        click.echo(f"members that no reader of Cliploom reads: {left}")
    verdict = "all good" if report.ok else f"{total} problems"
    click.echo(
        f"{report.num_samples} samples in {report.num_shards} shards, {size_text(report.size_bytes)}, "
        f"dataset {report.version[:12]}: {verdict}"
    )
    return DONE if report.ok else FAILED

"""cliploom shards."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option


@click.group("shards")
def command() -> None:
    """Look at shards and verify them.

    URLS are a run's shards folder, its manifest.json, or tars that have an index beside them; local
    paths or any fsspec URL, with {000000..000009} and * expanded.
    """


@command.command("head")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "-n", "--count", type=click.IntRange(min=1), default=5, show_default=True, help="Samples to show."
)
@click.option("--split", help="Of this split only.")
@json_option("Print one JSON object per sample.")
def head_command(urls: tuple[str, ...], count: int, split: str | None, as_json: bool) -> None:
    """Show the first samples."""
    from shards.reading.head import head

    with user_errors():
        for sample in head(urls, count, split=split):
            if as_json:
                click.echo(json.dumps(asdict(sample), ensure_ascii=False))
                continue
            sizes = ", ".join(f"{extension} {size:,} B" for extension, size in sample.size_bytes.items())
            click.echo(f"{sample.key}  {sample.split}  {sample.duration_s:.2f} s  {sizes}  in {sample.shard}")
            for fused in sample.metadata.get("fused", []):
                click.echo(f"  {fused['kind']}: {fused['text']}")


@command.command("verify")
@click.argument("urls", nargs=-1, required=True)
@click.option("--no-decode", is_flag=True, help="Check hashes and structure only.")
@json_option("Print one JSON object.")
def verify_command(urls: tuple[str, ...], no_decode: bool, as_json: bool) -> int:
    """Check hashes, members, duplicates, splits and that every sample decodes."""
    from shards.reading.verify import verify

    with user_errors():
        report = verify(urls, decode=not no_decode)
    if as_json:
        click.echo(json.dumps({"ok": report.ok, **asdict(report)}))
    else:
        for problem in report.problems:
            place = f"{problem.shard}{f' {problem.key}' if problem.key else ''}"
            click.echo(f"{problem.fault}: {place}: {problem.detail}")
        verdict = "all good" if report.ok else f"{len(report.problems)} problems"
        click.echo(
            f"{report.num_samples} samples in {report.num_shards} shards, {report.size_bytes / 1e6:.1f} MB, "
            f"dataset {report.version[:12]}: {verdict}"
        )
    return DONE if report.ok else FAILED

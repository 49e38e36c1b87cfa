"""cliploom shards diff."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.texts import plain


@click.command("diff")
@click.argument("a")
@click.argument("b")
@click.option(
    "-n", "--count", type=click.IntRange(min=0), default=20, show_default=True, help="Samples to name."
)
@json_option("Print one JSON object.")
def command(a: str, b: str, count: int, as_json: bool) -> int:
    """Say what differs between the datasets A and B: samples, splits, shards.

    Samples are compared by key and by the sha256 of their members, so new media are told from new metadata.
    Exit code 0 if both hold the same samples in the same splits, however they are packed; 1 if not.
    """
    from shards.reading.diff import diff

    with user_errors():
        found = diff(a, b)
    if as_json:
        click.echo(json.dumps({"equal": found.equal, **asdict(found)}))
        return DONE if found.equal else FAILED
    for change in found.changes[:count]:
        click.echo(f"{change.what}: {plain(change.key)} {plain(change.detail)}")
    total = sum(found.counts.values())
    if total > count:
        click.echo(f"... and {total - min(count, len(found.changes))} more; --count {total} names them")
    counts = ", ".join(f"{number} {what}" for what, number in sorted(found.counts.items())) or "no difference"
    click.echo(
        f"{found.num_samples_a} samples in A, {found.num_samples_b} in B, {found.same} the same: {counts}"
    )
    click.echo(
        f"shards: {found.shared_shards} shared, {found.only_a_shards} only in A, {found.only_b_shards} "
        f"only in B"
    )
    return DONE if found.equal else FAILED

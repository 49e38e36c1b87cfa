"""cliploom shards card."""

from __future__ import annotations

import click

from pipelines.cli import DONE, FAILED
from pipelines.cli.messages import user_errors
from pipelines.cli.options import saved_pipeline
from pipelines.cli.shards.options import workers_option
from pipelines.cli.shards.progress import bar
from pipelines.cli.shards.texts import plain


@click.command("card")
@click.argument("urls", nargs=-1, required=True)
@click.option(
    "--name", default="A dataset made with Cliploom", show_default=True, help="Name of the dataset."
)
@click.option("--run", metavar="RUN", help="The run that made it: adds the way from file to sample.")
@click.option(
    "--output", metavar="FILE", help="Write the card here, e.g. RUN/shards/README.md.  [default: print it]"
)
@workers_option
def command(urls: tuple[str, ...], name: str, run: str | None, output: str | None, workers: int) -> int:
    """Write a dataset card: counts, hours, languages, licences, models, splits, sizes, how to load.

    Markdown with the YAML header that Hugging Face reads. The same dataset gives the same text. Exit code 1
    if a shard could not be read.
    """
    from shards.reading.card import FunnelLine, card
    from shards.reading.stats import stats

    funnel: list[FunnelLine] = []
    with user_errors(), bar("shards") as show:
        if run is not None:
            from pipelines.run_funnel import run_funnel

            for step in run_funnel(run, *saved_pipeline(run)):
                funnel.append(
                    FunnelLine(step.name, step.count, tuple((each.why, each.count) for each in step.losses))
                )
        found = stats(urls, workers=workers, told=show)
        text = card(found, name, funnel)
        if output is None:
            click.echo(text, nl=False)
        else:
            from curation.base.storage import Storage
            from shards.reading.urls import split_url
            from shards.writing.outputs import check_writable

            folder, file = split_url(output)
            check_writable(folder, "Give a file with --output, or none to print the card")
            Storage(folder).write_bytes(file, text.encode())
            click.echo(output)
    for url, why in found.unread.items():
        click.echo(f"not read: {plain(url)}: {plain(why)}", err=True)
    return FAILED if found.unread else DONE

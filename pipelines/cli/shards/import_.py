"""cliploom shards import."""

from __future__ import annotations

import json

import click

from pipelines.cli import DONE, FAILED, PARTIAL
from pipelines.cli.messages import BadUsage, user_errors
from pipelines.cli.options import json_option
from pipelines.cli.shards.options import packing_options, pairs, scratch_folder, workers_option
from pipelines.cli.shards.progress import counter
from pipelines.cli.shards.texts import duration_text, plain, size_text

SHOWN = 20


@click.command("import")
@click.argument("urls", nargs=-1, required=True, metavar="IN... OUT")
@click.option(
    "--media", metavar="FOLDER", help="Folder or URL of a table's media.  [default: the folder of the table]"
)
@click.option(
    "--media-name", metavar="PATH", help="Where a row's file lies below it, e.g. '{page_dir}/{videoid}.mp4'."
)
@click.option(
    "--columns",
    metavar="MEANING=COLUMN,...",
    multiple=True,
    help="What columns mean, e.g. caption=text,media=path,score.aesthetic=AES. Meanings: key, media, "
    "caption, audio_caption, speech, language, licence, title, source, start, end, split, score.NAME.",
)
@click.option("--dataset", help="What provenance calls the set.  [default: the name of the first input]")
@click.option("--split", default="train", show_default=True, help="Split of rows that name none.")
@click.option(
    "--max-rejects",
    default="5%",
    show_default=True,
    help="Rows that may be rejected, a number or a part in %; with more the exit code is 3.",
)
@packing_options
@workers_option
@json_option("Print one JSON object.")
def command(
    urls: tuple[str, ...],
    media: str | None,
    media_name: str | None,
    columns: tuple[str, ...],
    dataset: str | None,
    split: str,
    max_rejects: str,
    count: int,
    shard_bytes: int,
    seed: int,
    lanes: int | None,
    scratch: str | None,
    workers: int,
    as_json: bool,
) -> int:
    """Make shards in OUT of a table with media, or of WebDataset tars that others wrote.

    Tables are .csv, .tsv, .jsonl or .parquet; those of WebVid and InternVid are known by their columns,
    others by the names of columns or by --columns. Media are copied as they are: videos (mp4, webm, mkv),
    images (jpg, png, webp), sound (flac, wav, mp3, m4a), known by their bytes and decoded from end to end in
    a sandbox. A row that cannot be taken is listed with the reason in OUT/rejects.jsonl. Run the same command
    again to continue. Exit code 1 if a tar ends early or is damaged: what is whole is taken all the same.
    """
    from shards.writing.assembly.layout import Packing
    from shards.writing.importing.run import ImportConfig, import_dataset

    if len(urls) < 2:
        raise BadUsage("give at least one table or tar to read, and the folder to write to: import IN... OUT")
    *inputs, output = urls
    given = [part for text in columns for part in text.split(",") if part]
    most = _tolerance(max_rejects)
    config = ImportConfig(
        packing=Packing(count, shard_bytes, seed),
        columns=dict(pairs(given, "--columns", "caption=text")),
        media=media,
        media_name=media_name,
        dataset=dataset or inputs[0].rstrip("/").rpartition("/")[2],
        split=split,
        workers=workers,
        **({} if lanes is None else {"lanes": lanes}),
    )
    with user_errors(), counter("rows read, samples written") as told:
        report = import_dataset(inputs, output, scratch_folder(scratch, output), config, told)
    made = report.published
    assert made is not None
    if as_json:
        click.echo(json.dumps(report.to_dict()))
    else:
        length = f", {duration_text(made.duration_s)}" if made.duration_s else ""
        reasons = ", ".join(f"{number} {reason}" for reason, number in report.reasons.most_common())
        rejected = (
            f"{report.num_rejected} rejected ({reasons}), see rejects.jsonl" if reasons else "none rejected"
        )
        left_out = {
            **{f"members of type {name}": count for name, count in report.left_out_members.most_common()},
            **{f"'{name}'": count for name, count in report.odd.most_common()},
        }
        if left_out:
            listed = ", ".join(f"{count} {plain(name)}" for name, count in left_out.items())
            click.echo(f"left out of the tars: {listed}")
        for each in report.broken[:SHOWN]:
            click.echo(plain(each), err=True)
        if len(report.broken) > SHOWN:
            click.echo(f"... and {len(report.broken) - SHOWN} more tars, see rejects.jsonl", err=True)
        click.echo(
            f"{made.num_samples} of {report.num_rows} rows in {made.num_shards} shards, "
            f"{size_text(made.size_bytes)}{length}; {rejected}: {output}, dataset "
            f"{made.version[:12]}{', as it was' if made.unchanged else ''}"
        )
    if report.broken:
        return FAILED
    return PARTIAL if report.num_rejected > most * (report.num_rows if "%" in max_rejects else 1) else DONE


def _tolerance(text: str) -> float:
    """A number of rows, or a part of them."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf") or (text.endswith("%") and value > 100):
        raise BadUsage(f"--max-rejects {text}: give a number of rows, or a part of them such as 5%")
    return value / 100 if text.endswith("%") else value

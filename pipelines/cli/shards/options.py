"""Options that several of the commands share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from pipelines.cli.messages import BadUsage

F = TypeVar("F", bound=Callable[..., Any])
MAX_WORKERS = 8


def workers_option(command: F) -> F:
    """`--workers`."""
    most = min(os.cpu_count() or 1, MAX_WORKERS)
    return click.option(
        "--workers",
        type=click.IntRange(min=1, max=256),
        default=None,
        callback=lambda _, __, value: value or most,
        help=f"Shards at a time.  [default: one per CPU, at most {MAX_WORKERS}]",
    )(command)


def packing_options(command: F) -> F:
    """How shards are packed, and where what is not finished lies."""
    options = (
        click.option(
            "--count",
            type=click.IntRange(1, 1_000_000),
            default=512,
            show_default=True,
            help="Samples per shard, at most.",
        ),
        click.option(
            "--shard-bytes",
            type=click.IntRange(min=1 << 10),
            default=256 << 20,
            show_default=True,
            help="Bytes per shard, on average, at most.",
        ),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the shuffle."
        ),
        click.option("--lanes", type=click.IntRange(1, 65536), help="Canonical lanes of the reading order."),
        click.option(
            "--scratch",
            type=click.Path(file_okay=False),
            help="Local folder for what is not finished.  [default: below OUT, or the temporary folder]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def scratch_folder(given: str | None, output: str) -> Path:
    """The folder, of this output alone, in which what is not finished lies."""
    from curation.base.ids import hash_id
    from curation.base.storage import is_local, normalise

    place = normalise(output)
    if given is None and is_local(place):
        return Path(place, ".scratch")
    return Path(given or tempfile.gettempdir(), f"cliploom-shards-{hash_id(place)}")


def pairs(texts: Sequence[str], option: str, example: str) -> list[tuple[str, str]]:
    """NAME=VALUE texts, as pairs."""
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise BadUsage(f"{option} {text!r} is not NAME=VALUE, e.g. {option} {example}")
        found.append((name, value))
    return found

"""cliploom shards: each command lives in its own file."""

from __future__ import annotations

import signal
import threading

import click

from pipelines.cli import LazyGroup

SECTIONS = {
    "Look": {
        "head": "Show the first samples.",
        "stats": "Count samples, hours, bytes, languages, sizes and rates.",
        "card": "Write a dataset card in Markdown.",
        "diff": "Say what differs between two datasets.",
        "verify": "Check hashes, members, media, captions, duplicates and splits.",
    },
    "Make": {
        "index": "Index tars that anyone wrote, for exact order and resume.",
        "repack": "Write chosen samples of datasets as new shards.",
        "import": "Make shards of a table with media, or of others' tars.",
    },
}


@click.group("shards", cls=LazyGroup, package="pipelines.cli.shards", sections=SECTIONS)
def command() -> None:
    """Verify, index, repack, import, describe and compare shards.

    URLS are a run's shards folder, its manifest.json, or tars that have an index beside them; local
    paths or any fsspec URL, with {000000..000009} and * expanded.
    """
    if threading.current_thread() is threading.main_thread():
        before = signal.signal(signal.SIGTERM, _interrupt)
        click.get_current_context().call_on_close(lambda: signal.signal(signal.SIGTERM, before))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt

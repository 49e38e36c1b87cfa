"""Removing what no ledger row names: media of attempts that were killed or lost a race, and files of
shards that were half written."""

from __future__ import annotations

from fnmatch import fnmatchcase

from curation.base.ledger import UnitRow
from pipelines.committer import written_tables
from pipelines.run_view import RunView
from shards.format import SHARDS_FOLDER


def sweep(view: RunView) -> int:
    """Delete uncommitted media and half-written files of shards, and compact tables; to be called under
    the lease, with no task at work.

    Returns how many files were deleted.
    """
    storage = view.workspace.storage
    table = view.tables.read(UnitRow.TABLE, columns=["media"])
    named = (
        {file["path"] for media in table.column("media").to_pylist() for file in media} if table else set()
    )
    strays = [name for name in storage.list("media") if name not in named]
    strays += [name for name in storage.list(SHARDS_FOLDER) if fnmatchcase(name.rsplit("/", 1)[-1], ".*.tmp")]
    for name in strays:
        storage.remove(name)
    view.tables.compact(written_tables(view.dag))
    return len(strays)

"""Tables as a Reduce sees them, for the search for duplicates."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from curation.base.records import to_arrow
from curation.base.stages import Snapshot
from curation.records import DuplicateOf


class Tables(Snapshot):
    """Tables by input name; the clips' units are all the same, or those that are given."""

    def __init__(
        self, previous: pa.Table | None = None, places: list[int] | None = None, **tables: pa.Table
    ) -> None:
        self._tables = tables
        self._previous = previous
        self._places = places

    def table(self, name: str) -> pa.Table:
        return self._tables[name]

    def arrival(self, name: str) -> pa.Array:
        assert name == "clips"
        return pa.array(self._places or [0] * self._tables[name].num_rows, pa.int64())

    def previous(self) -> pa.Table | None:
        return self._previous


def former(duplicates: Mapping[str, str]) -> pa.Table:
    """A former result: which clip stood for which."""
    return to_arrow(
        DuplicateOf,
        [DuplicateOf(clip_id=key, duplicate_of=value, kind="exact") for key, value in duplicates.items()],
    )

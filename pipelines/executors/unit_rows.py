"""A unit as one row of bytes: where it stands, which earlier results it may reuse, its records."""

from __future__ import annotations

from collections.abc import Mapping

from curation.base.ledger import Ledger, UnitRow
from pipelines.assess import Ignore, UnitState
from pipelines.dag import Segment
from pipelines.executors.unit_walk import UnitWalk
from pipelines.scope import Source
from pipelines.wire import pack, unpack


def pack_unit(
    segment: Segment,
    keys: Mapping[str, str],
    ledger: Ledger,
    state: UnitState,
    ignore: Ignore | None,
    records: Mapping[str, bytes] | None = None,
) -> bytes:
    """A unit with the results that its stages may find again under their present keys."""
    known = [
        row.to_dict()
        for node in segment.nodes
        for row in ledger.history(node.name, state.unit)
        if row.stage_key == keys[node.name] and not (ignore is not None and ignore(row))
    ]
    records = records or {}
    header = {
        "unit": state.unit,
        "sources": {name: [source.digest, source.count] for name, source in state.sources.items()},
        "attempts": state.attempts,
        "known": known,
        "records": list(records),
    }
    return pack(header, list(records.values()))


def unpack_unit(packed: bytes) -> tuple[Ledger, UnitWalk]:
    """The unit, and a ledger that knows its results only."""
    header, buffers = unpack(packed)
    ledger = Ledger.of(UnitRow.from_dict(row) for row in header["known"])
    state = UnitState(
        header["unit"],
        {name: Source(digest, count) for name, (digest, count) in header["sources"].items()},
        dict(header["attempts"]),
    )
    return ledger, UnitWalk(state, dict(zip(header["records"], buffers, strict=True)))

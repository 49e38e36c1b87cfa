"""The ledger: what was done to which unit, and the one place where results become true.

A row of `units` says that an attempt's records and media are the result of a stage on a unit. Rows
are never changed. Of the rows of a (stage, unit) the one with the highest revision counts, and of
equal revisions the one with the highest epoch; so a result that becomes true again is named again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import pyarrow as pa

from curation.base.lease import Lease
from curation.base.media_store import MediaFile
from curation.base.records import Record, from_arrow, to_arrow
from curation.base.tables import Tables

KEPT_REVISIONS = 8
"""Earlier results of a (stage, unit) that stay in memory, to be found again when a config goes back."""


@dataclass(frozen=True, kw_only=True)
class UnitRow(Record):
    """One committed result. `inputs` counts records of the primary input, each of which is either
    `committed` (parent of an output) or `rejected`; `outputs` counts the records that came out."""

    TABLE: ClassVar[str] = "units"

    stage: str
    stage_key: str
    unit: str
    revision: int
    epoch: int
    attempt: str
    run_id: str
    input_digest: str
    output_digest: str
    inputs: int
    committed: int
    rejected: int
    outputs: int
    media: tuple[MediaFile, ...]
    committed_at: float

    @property
    def record_id(self) -> str:
        return f"{self.stage}:{self.unit}:{self.revision}"

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.unit,)


@dataclass(frozen=True, kw_only=True)
class Attempt(Record):
    """How a try at a unit went: where, how long, after how many earlier tries, and what model servers did for
    it. Never in shards."""

    TABLE: ClassVar[str] = "attempts"

    attempt: str
    stage: str
    unit: str
    run_id: str
    host: str
    seconds: float
    retries: int
    answers: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def record_id(self) -> str:
        return self.attempt

    @property
    def parent_ids(self) -> tuple[str, ...]:
        return (self.unit,)


@dataclass(frozen=True)
class Result:
    """What one attempt at a unit brought: rows per table, ready to append, and the row that will
    name them (its revision and epoch are set when it is committed). An earlier result that counts
    again has no attempt and no tables."""

    row: UnitRow
    attempt: Attempt | None
    tables: Mapping[str, pa.Table]


class Ledger:
    """The units table in memory, and the batch of results that will be appended to it next."""

    def __init__(self, tables: Tables | None) -> None:
        self._tables = tables
        self._rows: dict[str, dict[str, list[UnitRow]]] = defaultdict(dict)
        self._pending: list[Result] = []

    @classmethod
    def of(cls, rows: Iterable[UnitRow]) -> Ledger:
        """A ledger of some rows, to look things up in; it has no table to append to."""
        ledger = cls(None)
        for row in rows:
            ledger._remember(row)
        return ledger

    def load(self) -> None:
        """Read the table as it stands."""
        assert self._tables is not None
        self._rows.clear()
        table = self._tables.read(UnitRow.TABLE)
        if table is not None:
            order = [("revision", "ascending"), ("epoch", "ascending")]
            for row in from_arrow(UnitRow, table.sort_by(order)):
                self._remember(row)

    def current(self, stage: str, unit: str) -> UnitRow | None:
        """The result that counts for a (stage, unit)."""
        known = self._rows[stage].get(unit)
        return known[-1] if known else None

    def find(self, stage: str, stage_key: str, unit: str, input_digest: str) -> UnitRow | None:
        """The newest result of a stage under a key for exactly this input."""
        for row in reversed(self._rows[stage].get(unit, ())):
            if row.stage_key == stage_key and row.input_digest == input_digest:
                return row
        return None

    def history(self, stage: str, unit: str) -> Sequence[UnitRow]:
        """Known results of a (stage, unit), oldest first."""
        return tuple(self._rows[stage].get(unit, ()))

    def all_current(self, stage: str) -> Iterable[UnitRow]:
        """The results that count, over all units of a stage."""
        return (known[-1] for known in self._rows[stage].values())

    def add(self, result: Result) -> UnitRow:
        """Take a result into the next batch; its row counts in memory from now on."""
        previous = self.current(result.row.stage, result.row.unit)
        row = replace(result.row, revision=previous.revision + 1 if previous else 0)
        self._remember(row)
        self._pending.append(replace(result, row=row))
        return row

    @property
    def num_pending(self) -> int:
        """Results added and not yet on storage."""
        return len(self._pending)

    def flush(self, lease: Lease) -> int:
        """Append the batch: records first, then the rows that make them count.

        Raises:
            LeaseTaken: another committer has overtaken this one; nothing more was committed.
        """
        batch, self._pending = self._pending, []
        if not batch:
            return 0
        assert self._tables is not None
        by_table: dict[str, list[pa.Table]] = defaultdict(list)
        for result in batch:
            for name, table in result.tables.items():
                if table.num_rows:
                    by_table[name].append(table)
        lease.check()
        for name, parts in sorted(by_table.items()):
            self._tables.append(name, pa.concat_tables(parts))
        attempts = [result.attempt for result in batch if result.attempt is not None]
        if attempts:
            self._tables.append(Attempt.TABLE, to_arrow(Attempt, attempts), partitioned=False)
        lease.check()
        epoch = lease.epoch
        rows = [replace(result.row, epoch=epoch) for result in batch]
        self._tables.append(UnitRow.TABLE, to_arrow(UnitRow, rows), partitioned=False)
        return len(rows)

    def _remember(self, row: UnitRow) -> None:
        known = self._rows[row.stage].setdefault(row.unit, [])
        if known and known[-1].revision == row.revision:
            known[-1] = row
        else:
            known.append(row)
        del known[:-KEPT_REVISIONS]

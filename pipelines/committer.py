"""The one place of a run through which results reach the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import replace

from curation.base.lease import Lease
from curation.base.ledger import Attempt, Ledger, Result, UnitRow
from curation.base.records import Record, digest_records, from_arrow
from curation.base.rejects import Reason, Rejected
from curation.base.tables import Tables, rows
from pipelines.dag import Dag

Claims = dict[str, dict[str, tuple[str, str]]]
"""Distinct node -> record id -> (unit that has it, what to call that unit)."""

FLUSH_EVERY_S = 2.0
FLUSH_PAUSE = 8
FLUSH_ABOVE = 512
COMPACT_EVERY_FLUSHES = 100
"""Appending to a table, and reading from it, takes time in proportion to its files."""


class Committer:
    """Takes results from executors, appends them in batches, and tells `on_commit` of each.

    `claims` says which unit has which record of the distinct nodes.
    """

    def __init__(
        self,
        dag: Dag,
        ledger: Ledger,
        tables: Tables,
        lease: Lease,
        on_commit: Callable[[UnitRow], None],
    ) -> None:
        self._dag = dag
        self._ledger = ledger
        self._tables = tables
        self._lease = lease
        self._on_commit = on_commit
        self._flushed_at = time.monotonic()
        self._flush_every_s = FLUSH_EVERY_S
        self._flushes = 0
        self.claims: Claims = {}

    def load_claims(self, gone: Collection[str], open_units: Collection[str]) -> set[str]:
        """Learn which unit has which record of the distinct nodes, from the results that count.

        `gone` are units whose file is no longer there; those of them with something left to run give
        up their records to copies. Returns the attempts that must run again: those rejected as
        duplicates of a record that no unit holds, and those whose record another unit holds too.
        """
        again: set[str] = set()
        for node in self._dag:
            if not node.distinct:
                continue
            cls = node.stage.output
            # Units outside the present scope (--limit) keep what they have.
            attempts = [row.attempt for row in self._ledger.all_current(node.name)]
            table = self._tables.read_attempts(cls, attempts)
            rows_of = (table.column(name).to_pylist() for name in ("unit", "attempt"))
            claimants = list(zip(from_arrow(cls, table), *rows_of, strict=True))
            held: dict[str, tuple[str, str]] = {}
            given_up: dict[str, str] = {}
            # A file that is there comes before one that is not.
            for record, unit, attempt in sorted(claimants, key=lambda claimant: claimant[1] in gone):
                if record.record_id in held:
                    again.add(attempt)
                elif unit in gone and unit in open_units:
                    given_up[record.record_id] = attempt
                else:
                    held[record.record_id] = (unit, str(getattr(record, "uri", unit)))
            self.claims[node.name] = held
            rejects = self._tables.read_attempts(
                Rejected, attempts, columns=["reason", "rejected_id", "attempt"]
            )
            for row in rejects.to_pylist():
                if row["reason"] == Reason.DUPLICATE_SOURCE and row["rejected_id"] not in held:
                    again.add(row["attempt"])
                    if row["rejected_id"] in given_up:
                        again.add(given_up[row["rejected_id"]])
        return again

    def commit(self, result: Result) -> Result:
        """Take a result; what another unit already has is turned into a reject first."""
        result = keep_first(self._dag, result, self.claims)
        self._ledger.add(result)
        self._on_commit(result.row)
        self.tick()
        return result

    def tick(self) -> None:
        """Append the batch if it is large or old enough."""
        due = time.monotonic() - self._flushed_at > self._flush_every_s
        if self._ledger.num_pending and (due or self._ledger.num_pending > FLUSH_ABOVE):
            self.flush()

    def flush(self) -> None:
        """Append the batch now."""
        started = time.monotonic()
        self._ledger.flush(self._lease)
        self._flushed_at = time.monotonic()
        # A table of many commits takes longer to append to; waiting in proportion bounds the share of
        # time that committing takes.
        self._flush_every_s = max(FLUSH_EVERY_S, FLUSH_PAUSE * (self._flushed_at - started))
        self._flushes += 1
        if self._flushes % COMPACT_EVERY_FLUSHES == 0:
            self._tables.compact(written_tables(self._dag))


def keep_first(dag: Dag, result: Result, claims: Claims) -> Result:
    """The result, less the records of a distinct node that another unit has claimed before."""
    row = result.row
    if not dag[row.stage].distinct:
        return result
    cls = dag[row.stage].stage.output
    records = from_arrow(cls, result.tables[cls.TABLE])
    kept, rejects = [], from_arrow(Rejected, result.tables[Rejected.TABLE])
    taken = claims.setdefault(row.stage, {})
    for record in records:
        name = str(getattr(record, "uri", row.unit))
        owner, owner_name = taken.setdefault(record.record_id, (row.unit, name))
        if owner == row.unit:
            kept.append(record)
        else:
            rejects += [_duplicate(record, row.stage, parent, owner_name) for parent in record.parent_ids]
    if len(kept) == len(records):
        return result
    return replace(
        result,
        row=replace(
            row,
            output_digest=digest_records(kept),
            committed=len({parent for record in kept for parent in record.parent_ids}),
            rejected=len({reject.parent_id for reject in rejects}),
            outputs=len(kept),
        ),
        tables={
            **result.tables,
            cls.TABLE: rows(cls, kept, row.unit, row.stage_key, row.attempt),
            Rejected.TABLE: rows(Rejected, rejects, row.unit, row.stage_key, row.attempt),
        },
    )


def _duplicate(record: Record, stage: str, input_id: str, owner: str) -> Rejected:
    """The reject of a record that another input has brought before."""
    return Rejected(
        rejected_id=record.record_id,
        parent_id=input_id,
        stage=stage,
        reason=Reason.DUPLICATE_SOURCE,
        detail=f"same content as {owner}, which is processed instead; nothing to do",
    )


def written_tables(dag: Dag) -> list[str]:
    """The tables that a run appends to."""
    records = {node.stage.output.TABLE for node in dag}
    return sorted({UnitRow.TABLE, Attempt.TABLE, Rejected.TABLE} | records)

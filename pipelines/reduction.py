"""Running a Reduce: a snapshot of whole tables in, one committed result out."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from curation.base.ids import attempt_id
from curation.base.ledger import Attempt, Ledger, Result, UnitRow
from curation.base.records import Record, arrow_schema
from curation.base.rejects import Rejected
from curation.base.stages import Reduce, Snapshot
from curation.base.tables import Tables, rows
from curation.base.workspace import Workspace
from pipelines.dag import Dag, Node
from pipelines.execution import UnaccountedInput

ALL = "all"
"""The one unit of a Reduce."""
ROWS_PER_APPEND = 5_000


class TableSnapshot(Snapshot):
    """The committed records of a Reduce's inputs, read when asked for."""

    def __init__(
        self,
        dag: Dag,
        node: Node,
        tables: Tables,
        attempts: Mapping[str, Sequence[str]],
        units: Sequence[str],
        previous: str | None,
    ) -> None:
        self._dag = dag
        self._node = node
        self._tables = tables
        self._attempts = attempts
        self._units = units
        self._previous = previous

    def table(self, name: str) -> pa.Table:
        """Records of an input, sorted by their first column."""
        cls = self._dag.output_type(self._node.inputs[name])
        return _sorted(self._tables.read_attempts(cls, self._attempts[name]), cls)

    def arrival(self, name: str) -> pa.Array:
        """Places of the records' units in order of discovery; 0 for what a Reduce put out."""
        cls = self._dag.output_type(self._node.inputs[name])
        columns = [arrow_schema(cls).names[0], "digest", "unit"]
        table = self._tables.read_attempts(cls, self._attempts[name], columns=columns)
        units = table.sort_by([(column, "ascending") for column in columns[:2]]).column("unit")
        places = pc.index_in(units, value_set=pa.array(self._units, pa.string()))
        return pc.fill_null(places, 0).combine_chunks()

    def ids(self, name: str) -> list[str]:
        """The first column of an input: what its records are known by."""
        cls = self._dag.output_type(self._node.inputs[name])
        column = arrow_schema(cls).names[0]
        table = self._tables.read_attempts(cls, self._attempts[name], columns=[column])
        found: list[str] = table.column(0).to_pylist()
        return found

    def previous(self) -> pa.Table | None:
        """The last committed output."""
        if self._previous is None:
            return None
        cls = self._node.stage.output
        return _sorted(self._tables.read_attempts(cls, [self._previous]), cls)


def reduce_input(node: Node, ledger: Ledger, units: Iterable[str]) -> tuple[str, dict[str, list[str]]]:
    """Digest of a Reduce's inputs over some units, and the attempts that hold them."""
    units = list(units)
    digest = hashlib.sha256()
    attempts: dict[str, list[str]] = {}
    for name, upstream in sorted(node.inputs.items()):
        digest.update(f"{name}\n".encode())
        current = (ledger.current(upstream, unit) for unit in _units_of(ledger, upstream, units))
        held = [row for row in current if row is not None and row.outputs]
        for row in sorted(held, key=lambda row: row.unit):
            digest.update(f"{row.unit}={row.output_digest}\n".encode())
        attempts[name] = [row.attempt for row in held]
    return digest.hexdigest(), attempts


def run_reduce(
    dag: Dag,
    node: Node,
    key: str,
    run_id: str,
    ledger: Ledger,
    tables: Tables,
    workspace: Workspace,
    units: Iterable[str],
) -> Result | UnitRow:
    """The row that already holds this result, or a new result to be committed.

    Output rows are appended in chunks as they come; they count only once the result is committed.
    """
    assert isinstance(node.stage, Reduce)
    units = list(units)
    digest, attempts = reduce_input(node, ledger, units)
    found = ledger.find(node.name, key, ALL, digest)
    current = ledger.current(node.name, ALL)
    snapshot = TableSnapshot(dag, node, tables, attempts, units, current.attempt if current else None)
    if found is not None and found is current and node.stage.publishes:
        # What it publishes may be another result's: a kill can fall between file and ledger row.
        for _ in node.stage(snapshot):
            pass
    if found is not None and (found is current or not node.stage.publishes):
        return found
    started = time.perf_counter()
    attempt = attempt_id()
    workspace.media.take_written()
    node.stage.setup()
    writer = _Writer(node, tables, key, attempt)
    for item in node.stage(snapshot):
        writer.add(item)
    writer.flush()
    primary = _primary_ids(node, snapshot)
    if node.stage.accounts_for is None:
        # It remarks on some records and turns none down: it is done with all of them.
        committed, rejected = len(primary), 0
    else:
        committed, rejected = writer.account(node.name, primary)
    row = UnitRow(
        stage=node.name,
        stage_key=key,
        unit=ALL,
        revision=0,
        epoch=0,
        attempt=attempt,
        run_id=run_id,
        input_digest=digest,
        output_digest=writer.digest(),
        inputs=len(primary),
        committed=committed,
        rejected=rejected,
        outputs=writer.outputs,
        media=workspace.media.take_written(),
        committed_at=time.time(),
    )
    seconds = round(time.perf_counter() - started, 4)
    record = Attempt(
        attempt=attempt,
        stage=node.name,
        unit=ALL,
        run_id=run_id,
        host=socket.gethostname(),
        seconds=seconds,
        retries=0,
    )
    return Result(row=row, attempt=record, tables={})


class _Writer:
    """Appends what a Reduce yields, in chunks, and keeps what the accounting needs."""

    def __init__(self, node: Node, tables: Tables, key: str, attempt: str) -> None:
        self._node = node
        self._tables = tables
        self._key = key
        self._attempt = attempt
        self._chunk: list[Record] = []
        self._rejects: list[Rejected] = []
        self._digests: list[str] = []
        self._parents: set[str] = set()
        self._rejected: set[str] = set()
        self.outputs = 0

    def add(self, item: Record) -> None:
        if isinstance(item, Rejected):
            self._rejects.append(item)
            self._rejected.add(item.parent_id)
        else:
            self._chunk.append(item)
            self._parents.update(item.parent_ids)
            self.outputs += 1
        if len(self._chunk) + len(self._rejects) >= ROWS_PER_APPEND:
            self.flush()

    def flush(self) -> None:
        for cls, records in ((self._node.stage.output, self._chunk), (Rejected, self._rejects)):
            if records:
                table = rows(cls, records, ALL, self._key, self._attempt)
                if cls is not Rejected:
                    self._digests += table.column("digest").to_pylist()
                self._tables.append(cls.TABLE, table)
        self._chunk, self._rejects = [], []

    def digest(self) -> str:
        return hashlib.sha256("\n".join(sorted(self._digests)).encode()).hexdigest()

    def account(self, stage: str, primary: list[str]) -> tuple[int, int]:
        committed = sum(1 for i in primary if i in self._parents)
        missing = list(islice((i for i in primary if i not in self._parents and i not in self._rejected), 1))
        if missing:
            raise UnaccountedInput(f"stage '{stage}' neither put out nor rejected input {missing[0]}")
        return committed, len(primary) - committed


def _primary_ids(node: Node, snapshot: TableSnapshot) -> list[str]:
    return snapshot.ids(node.primary)


def _units_of(ledger: Ledger, upstream: str, units: Sequence[str]) -> Sequence[str]:
    """The units of an upstream node: those of the scope, or the one unit of a Reduce."""
    return (ALL,) if ledger.current(upstream, ALL) is not None else units


def _sorted(table: pa.Table, cls: type[Record]) -> pa.Table:
    names = arrow_schema(cls).names
    return table.sort_by([(names[0], "ascending"), ("digest", "ascending")]).select(names)

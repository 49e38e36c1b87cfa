"""A run as it stands: its DAG, its ledger, and the records that count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from curation.base.ledger import Ledger, UnitRow
from curation.base.records import arrow_schema
from curation.base.rejects import Rejected
from curation.base.tables import Tables
from curation.base.workspace import Workspace
from curation.discover import InputTable
from pipelines.assess import Assessment, Ignore, NodeCounts, assess
from pipelines.dag import Dag, Node, Segment
from pipelines.reduction import ALL, reduce_input
from pipelines.scope import GroupScope, InputScope, Scope


class StageKeys(Mapping[str, str]):
    """The keys of a DAG's stages by name, each worked out when it is asked for: that hashes the stage's
    weights, which who only reads results may not have."""

    def __init__(self, dag: Dag) -> None:
        self._dag = dag
        self._known: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._known:
            self._known[name] = self._dag[name].stage.key()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return (node.name for node in self._dag)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass
class RunView:
    """Everything that is derived from a run's storage, nothing that changes it."""

    dag: Dag
    workspace: Workspace
    tables: Tables
    ledger: Ledger
    keys: Mapping[str, str]
    limit: int | None = None
    _scopes: dict[str, Scope] = field(default_factory=dict)

    @classmethod
    def open(cls, dag: Dag, workspace: Workspace, limit: int | None = None) -> RunView:
        """Read the ledger of a run."""
        tables = Tables(workspace.storage)
        ledger = Ledger(tables)
        ledger.load()
        return cls(dag, workspace, tables, ledger, StageKeys(dag), limit)

    def scope(self, segment: Segment) -> Scope | None:
        """The units of a segment; None where the Reduce that makes them has no result yet."""
        if segment.scope == self.dag.root:
            if self.dag.root not in self._scopes:
                inputs = InputTable(self.tables).read()[: self.limit]
                self._scopes[self.dag.root] = InputScope(self.dag.root, inputs)
            return self._scopes[self.dag.root]
        row = self.ledger.current(segment.scope, ALL)
        if row is None or segment.unit_field is None:
            return None
        return GroupScope(self.dag, segment.scope, segment.unit_field, row.attempt, self.tables)

    def assess(self, segment: Segment, ignore: Ignore | None = None) -> Assessment:
        """What is done and to do in a segment of Maps and Joins."""
        scope = self.scope(segment)
        units = scope.units() if scope is not None else {}
        return assess(segment, self.keys, self.ledger, units, ignore=ignore)

    def counts(self) -> dict[str, NodeCounts]:
        """Inputs committed, rejected and pending of every stage, in DAG order."""
        found: dict[str, NodeCounts] = {}
        for segment in self.dag.segments():
            if segment.is_reduce:
                found[segment.nodes[0].name] = self._reduce_counts(segment, found)
            else:
                found.update(self.assess(segment).counts)
        return found

    def rows(self, node: str) -> list[UnitRow]:
        """The results of a stage that count, over the units in scope."""
        segment = next(s for s in self.dag.segments() if any(n.name == node for n in s.nodes))
        if segment.is_reduce:
            row = self.ledger.current(node, ALL)
            return [row] if row is not None else []
        scope = self.scope(segment)
        units: Iterable[str] = scope.units() if scope is not None else ()
        found = (self.ledger.current(node, unit) for unit in units)
        return [row for row in found if row is not None]

    def records(self, node: str, columns: list[str] | None = None) -> pa.Table:
        """The records of a stage that count."""
        cls = self.dag[node].stage.output
        names = columns if columns is not None else arrow_schema(cls).names
        return self.tables.read_attempts(cls, [row.attempt for row in self.rows(node)], columns=names)

    def table(self, name: str) -> pa.Table:
        """The records of a table that count, over all stages that write to it."""
        if name == Rejected.TABLE:
            return self.rejects()
        parts = [self.records(node.name) for node in self.dag if name == node.stage.output.TABLE]
        return pa.concat_tables(parts)

    def rejects(self) -> pa.Table:
        """Everything that was turned down, over all stages."""
        attempts = [row.attempt for node in self.dag for row in self.rows(node.name)]
        return self.tables.read_attempts(Rejected, attempts, columns=arrow_schema(Rejected).names)

    def reject_reasons(self) -> dict[str, int]:
        """How many records were turned down for each reason."""
        return dict(sorted(Counter(self.rejects().column("reason").to_pylist()).items()))

    def _reduce_counts(self, segment: Segment, upstream: Mapping[str, NodeCounts]) -> NodeCounts:
        node = segment.nodes[0]
        counts = NodeCounts()
        row = self.reduced(segment)
        if row is not None and not any(upstream[name].units_pending for name in node.inputs.values()):
            counts.settle(row.inputs, row.committed, row.rejected, row.outputs)
        else:
            counts.pending = counts.inputs = upstream[node.inputs[node.primary]].outputs
            counts.units_pending = 1
            counts.units_changed = int(self.ledger.current(node.name, ALL) is not None)
        return counts

    def reduced(self, segment: Segment) -> UnitRow | None:
        """The result of a Reduce for its present inputs, if there is one."""
        node: Node = segment.nodes[0]
        scope = self.scope(segment)
        digest, _ = reduce_input(node, self.ledger, scope.units() if scope is not None else ())
        return self.ledger.find(node.name, self.keys[node.name], ALL, digest)

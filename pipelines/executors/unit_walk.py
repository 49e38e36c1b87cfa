"""One unit on its way through a segment: which stages may run now, and on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from curation.base.ledger import Ledger, Result
from curation.base.records import arrow_schema
from curation.base.tables import Tables, ipc_bytes
from pipelines.assess import Ignore, UnitState, settle
from pipelines.dag import Dag, Segment
from pipelines.execution import Task, input_digest
from pipelines.scope import Scope, Source


@dataclass
class UnitWalk:
    """State of a unit while it runs. `records` holds the Arrow IPC of nodes whose output is needed
    and in memory; `waiting` are the nodes that were handed out."""

    state: UnitState
    records: dict[str, bytes] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    def next_tasks(
        self, segment: Segment, keys: Mapping[str, str], ledger: Ledger, ignore: Ignore | None = None
    ) -> list[tuple[str, str]]:
        """(node, input digest) of the stages that may start now; settled stages are passed over."""
        ready = []
        for node in segment.nodes:
            if node.name in self.state.sources or node.name in self.waiting or node.name in self.stuck:
                continue
            if settle(node, keys[node.name], ledger, self.state, ignore=ignore) is not None:
                continue
            if all(upstream in self.state.sources for upstream in node.inputs.values()):
                digests = {name: source.digest for name, source in self.state.sources.items()}
                self.waiting.add(node.name)
                ready.append((node.name, input_digest(node, digests)))
        return ready

    def take(self, dag: Dag, result: Result) -> None:
        """Note a committed result."""
        name = result.row.stage
        self.waiting.discard(name)
        self.state.sources[name] = Source(result.row.output_digest, result.row.outputs)
        self.state.attempts[name] = result.row.attempt
        cls = dag.output_type(name)
        self.records[name] = ipc_bytes(result.tables[cls.TABLE].select(arrow_schema(cls).names))


class RecordLoader:
    """Brings records of committed results into memory, many units at a time."""

    def __init__(self, dag: Dag, tables: Tables, scope: Scope) -> None:
        self._dag = dag
        self._tables = tables
        self._scope = scope

    def prefetch(self, segment: Segment, walks: Iterable[UnitWalk]) -> None:
        """Load what the open stages of some units read from settled ones."""
        wanted: dict[str, list[UnitWalk]] = {}
        for walk in walks:
            for node in segment.nodes:
                if node.name not in walk.state.sources:
                    for upstream in node.inputs.values():
                        if upstream in walk.state.sources and upstream not in walk.records:
                            wanted.setdefault(upstream, []).append(walk)
        for name, needing in wanted.items():
            self._load(name, needing)

    def inputs(self, task_node: str, walk: UnitWalk) -> dict[str, bytes]:
        """The records of every input of a stage."""
        node = self._dag[task_node]
        for upstream in node.inputs.values():
            if upstream not in walk.records:
                self._load(upstream, [walk])
        return {name: walk.records[upstream] for name, upstream in node.inputs.items()}

    def _load(self, name: str, walks: list[UnitWalk]) -> None:
        if name == self._scope.name:
            loaded = self._scope.load([walk.state.unit for walk in walks])
            for walk in walks:
                walk.records[name] = loaded[walk.state.unit]
            return
        cls = self._dag.output_type(name)
        columns = arrow_schema(cls).names
        attempts = [attempt for walk in walks if (attempt := walk.state.attempts[name])]
        table = self._tables.read_attempts(cls, attempts, columns=[*columns, "attempt"])
        by_attempt: dict[str, list[int]] = {}
        for position, attempt in enumerate(table.column("attempt").to_pylist()):
            by_attempt.setdefault(attempt, []).append(position)
        records = table.select(columns)
        for walk in walks:
            walk.records[name] = ipc_bytes(records.take(by_attempt.get(walk.state.attempts[name] or "", [])))


def make_task(
    walk: UnitWalk, node: str, digest: str, keys: Mapping[str, str], run_id: str, loader: RecordLoader
) -> Task:
    """The task of a stage that may start."""
    return Task(
        node=node,
        unit=walk.state.unit,
        stage_key=keys[node],
        input_digest=digest,
        inputs=loader.inputs(node, walk),
        run_id=run_id,
    )

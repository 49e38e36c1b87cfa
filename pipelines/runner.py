"""Running a pipeline: discover inputs, run each segment, commit, and sum up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from curation.base.lease import Lease
from curation.base.ledger import Result, UnitRow
from curation.base.stages import Retry
from curation.base.workspace import Workspace
from curation.discover import InputTable, gone_inputs
from curation.records import Input
from pipelines.assess import Assessment, Ignore, NodeCounts
from pipelines.committer import Committer
from pipelines.dag import Dag, Segment
from pipelines.executors.base import Executor, Work
from pipelines.progress import Progress
from pipelines.reduction import ALL, run_reduce
from pipelines.run_log import RunLog
from pipelines.run_view import RunView

Say = Callable[[str], None]


@dataclass
class RunOutcome:
    """What a run did. `postponed` are (stage, unit, fault) that stay pending; `executed` counts the
    results of this run, 0 where nothing was left to do."""

    run_id: str
    executed: int = 0
    postponed: list[tuple[str, str, str]] = field(default_factory=list)


class Runner:
    """Drives one run under its lease. `say` prints a line for the user."""

    def __init__(
        self,
        dag: Dag,
        workspace: Workspace,
        executor: Executor,
        progress: Progress,
        log: RunLog,
        say: Say,
    ) -> None:
        self._dag = dag
        self._workspace = workspace
        self._executor = executor
        self._progress = progress
        self._log = log
        self._say = say
        self._gone: set[str] = set()

    def run(
        self,
        found: Sequence[Input],
        settings: Mapping[str, Any],
        lease: Lease,
        *,
        limit: int | None = None,
        ignore: Ignore | None = None,
    ) -> RunOutcome:
        """Bring the run up to date with the inputs that were found and its config.

        `settings` are saved with the run. `ignore` marks results that must be made again.

        Raises:
            LeaseTaken: another process is committing to the run.
            StageFailed: a stage has a programming error.
        """
        outcome = RunOutcome(run_id=self._log.run_id)
        view = RunView.open(self._dag, self._workspace, limit)
        known = InputTable(view.tables).add(found, outcome.run_id)
        self._gone = gone_inputs(known, found)
        self._save(outcome.run_id, settings)
        self._log.write("started", files=len(found), limit=limit)
        committer = Committer(
            self._dag, view.ledger, view.tables, lease, lambda row: self._count(row, outcome)
        )
        for segment in self._dag.segments():
            try:
                if segment.is_reduce:
                    self._reduce(segment, view, committer, outcome)
                else:
                    self._stream(segment, view, committer, outcome, ignore)
            finally:
                committer.flush()
            if outcome.postponed:
                break
        return outcome

    def _stream(
        self,
        segment: Segment,
        view: RunView,
        committer: Committer,
        outcome: RunOutcome,
        ignore: Ignore | None,
    ) -> None:
        """A segment of Maps and Joins: run what is open, then name again what became true again."""
        scope = view.scope(segment)
        again: set[str] = set()

        def skip(row: UnitRow) -> bool:
            return row.attempt in again or (ignore is not None and ignore(row))

        state = view.assess(segment, skip)
        self._explain(state)
        self._progress.begin(state.counts)
        while scope is not None and not outcome.postponed:
            # A unit that gives up a record (its file has changed, or is gone) leaves it to another
            # unit's copy, which was rejected for it: that one then goes again.
            again |= committer.load_claims(self._gone, {unit.unit for unit in state.todo})
            state = view.assess(segment, skip)
            if not state.todo:
                break
            self._executor.run(
                Work(
                    dag=self._dag,
                    segment=segment,
                    keys=view.keys,
                    run_id=outcome.run_id,
                    ledger=view.ledger,
                    tables=view.tables,
                    scope=scope,
                    todo=state.todo,
                    ignore=skip,
                    commit=committer.commit,
                    claims=committer.claims,
                    postpone=lambda *fault: self._postpone(outcome, fault),
                    note=self._log.write,
                    tick=self._tick(committer),
                )
            )
            committer.flush()
            ignore = None
        for row in state.stale:
            view.ledger.add(Result(row=replace(row, run_id=outcome.run_id), attempt=None, tables={}))

    def _reduce(self, segment: Segment, view: RunView, committer: Committer, outcome: RunOutcome) -> None:
        node = segment.nodes[0]
        scope = view.scope(segment)
        units = scope.units() if scope is not None else {}
        above = [view.ledger.current(node.inputs[node.primary], unit) for unit in (*units, ALL)]
        self._progress.begin({node.name: NodeCounts(inputs=sum(row.outputs for row in above if row))})
        try:
            found = run_reduce(
                self._dag,
                node,
                view.keys[node.name],
                outcome.run_id,
                view.ledger,
                view.tables,
                self._workspace,
                units,
            )
        except Retry as fault:
            self._postpone(outcome, (node.name, ALL, str(fault)))
            return
        if isinstance(found, Result):
            committer.commit(found)
            return
        done = NodeCounts(inputs=found.inputs, committed=found.committed, rejected=found.rejected)
        self._progress.begin({node.name: done})
        if found is not view.ledger.current(node.name, found.unit):
            view.ledger.add(Result(row=replace(found, run_id=outcome.run_id), attempt=None, tables={}))

    def _explain(self, before: Assessment) -> None:
        """Say which results a changed config or input makes anew."""
        changed = {name: count.units_changed for name, count in before.counts.items() if count.units_changed}
        if changed:
            parts = ", ".join(f"{name} ({units})" for name, units in changed.items())
            self._log.write("changed", units=changed)
            self._say(f"config or inputs changed: redoing, as far as their inputs change, {parts}")

    def _count(self, row: UnitRow, outcome: RunOutcome) -> None:
        outcome.executed += 1
        if row.rejected:
            self._log.write("rejected", stage=row.stage, unit=row.unit, records=row.rejected)
        downstream = [node.name for node in self._dag if node.inputs.get(node.primary) == row.stage]
        self._progress.committed(row, downstream)

    def _postpone(self, outcome: RunOutcome, fault: tuple[str, str, str]) -> None:
        stage, unit, message = fault
        self._log.write("postponed", stage=stage, unit=unit, fault=message)
        outcome.postponed.append(fault)

    def _tick(self, committer: Committer) -> Callable[[], None]:
        def tick() -> None:
            committer.tick()
            self._progress.tick()

        return tick

    def _save(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """Keep the resolved config, and how the run was called, with the run."""
        text = yaml.safe_dump({"run_id": run_id, **json.loads(json.dumps(settings))}, sort_keys=False)
        self._workspace.storage.write_bytes(f"runs/{run_id}.yaml", text.encode())

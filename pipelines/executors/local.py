"""The local executor: worker processes on this machine, units streaming through the segment.

Stages that compute share the workers, a task each. A stage that waits for servers has a process of its own
beside them, which calls the servers for many units at once and hardly needs a core.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.base.workspace import Workspace
from pipelines.execution import Task
from pipelines.executors.attempt import Outcome, key
from pipelines.executors.base import StageFailed, Work, misconfigured
from pipelines.executors.faults import MAX_DEATHS, MAX_RETRIES, backoff_s, set_aside
from pipelines.executors.pool import Crew, WorkerPool
from pipelines.executors.unit_walk import RecordLoader, UnitWalk, make_task

UNITS_PER_WORKER = 8
"""Units in flight per worker: enough to keep it fed, few enough to bound records in memory."""

ALONE = Crew("alone")
"""Takes tasks that were in hand when a process with several of them died: one of them may be poison."""


class LocalExecutor:
    """Runs tasks in `workers` processes, and those of stages that wait for servers in one process per
    stage; each process sets a stage up once, when it first needs it."""

    def __init__(self, workers: int, start: Mapping[str, Any], workspace: Workspace) -> None:
        self._workers = Crew("workers", workers)
        self._pool = WorkerPool(start)
        self._workspace = workspace

    def run(self, work: Work) -> None:
        """Run every open unit; the deepest ready stage of the oldest unit goes first."""
        run = _Run(work, self._workers, self._pool, self._workspace)
        run.loop()

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


@dataclass(frozen=True)
class _Due:
    """A task that may start, without its records yet."""

    node: str
    unit: str
    digest: str
    tries: int = 0


@dataclass
class _Run:
    work: Work
    workers: Crew
    pool: WorkerPool
    workspace: Workspace
    walks: dict[str, UnitWalk] = field(default_factory=dict)
    ready: defaultdict[Crew, list[tuple[int, int, int, _Due]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    delayed: list[tuple[float, int, _Due]] = field(default_factory=list)
    deaths: dict[tuple[str, str], int] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    """Stages that waited in vain for what they need, and for what: no other unit waits for it as long."""

    def __post_init__(self) -> None:
        segment = self.work.segment
        self.loader = RecordLoader(self.work.dag, self.work.tables, self.work.scope)
        self.todo = deque(self.work.todo)
        self.order = {state.unit: number for number, state in enumerate(self.work.todo)}
        self.depth = {node.name: number for number, node in enumerate(segment.nodes)}
        self.counter = itertools.count()
        self.callers = {
            node.name: Crew(node.name, tasks_each=node.stage.resources.units_in_flight)
            for node in segment.nodes
            if node.stage.resources.waits
        }
        # Units that wait for servers come on top of those that keep the workers fed.
        self.batch = self.workers.processes * UNITS_PER_WORKER
        self.limit = self.batch + sum(crew.tasks_each for crew in self.callers.values())

    def loop(self) -> None:
        while self.todo or self.walks:
            self._admit()
            self._submit()
            for outcome in self.pool.collect(timeout_s=0.2):
                self._handle(outcome)
            self.work.tick()

    def _admit(self) -> None:
        """Take more units in while there is room, a batch at a time so that records load together."""
        room = self.limit - len(self.walks)
        if not self.todo or (self.walks and room < self.batch // 2):
            return
        fresh = [UnitWalk(self.todo.popleft()) for _ in range(min(room, len(self.todo)))]
        self.loader.prefetch(self.work.segment, fresh)
        for walk in fresh:
            self.walks[walk.state.unit] = walk
            self._advance(walk)

    def _advance(self, walk: UnitWalk) -> None:
        """Queue the stages of a unit that may start; let the unit go when nothing is left."""
        work = self.work
        for node, digest in walk.next_tasks(work.segment, work.keys, work.ledger, work.ignore):
            self._queue(_Due(node, walk.state.unit, digest))
        if not walk.waiting:
            del self.walks[walk.state.unit]

    def _queue(self, due: _Due) -> None:
        rank = (self.order[due.unit], -self.depth[due.node], next(self.counter))
        heapq.heappush(self.ready[self._crew(due.node, due.unit)], (*rank, due))

    def _crew(self, node: str, unit: str) -> Crew:
        """Who takes a task. In a caller's process a death is held against none of the units in hand; each
        of them goes on in a process that it has to itself."""
        if node in self.callers:
            return ALONE if (node, unit) in self.deaths else self.callers[node]
        return self.workers

    def _submit(self) -> None:
        now = time.monotonic()
        while self.delayed and self.delayed[0][0] <= now:
            self._queue(heapq.heappop(self.delayed)[2])
        for crew, ready in list(self.ready.items()):
            while ready and self.pool.has_room(crew):
                due = heapq.heappop(ready)[3]
                if due.node in self.gone:
                    self._postpone(due.node, due.unit, self.gone[due.node])
                else:
                    self.pool.submit(crew, self._task(due))
        if self.delayed and not self.pool.busy:
            # Nothing runs and nothing is due: wait for the first delayed task.
            time.sleep(min(0.2, max(0.0, self.delayed[0][0] - now)))

    def _task(self, due: _Due) -> Task:
        walk = self.walks[due.unit]
        task = make_task(walk, due.node, due.digest, self.work.keys, self.work.run_id, self.loader)
        return replace(task, tries=due.tries)

    def _handle(self, outcome: Outcome) -> None:
        task = outcome.task
        if outcome.kind == "failed":
            raise StageFailed(task.node, task.unit, outcome.message)
        if outcome.kind == "misconfigured":
            raise misconfigured(task.node, outcome.message)
        if outcome.kind == "postponed":
            self.gone[task.node] = outcome.message
            self.work.note("retry", stage=task.node, unit=task.unit, fault=outcome.message)
            self._postpone(task.node, task.unit, outcome.message)
            return
        if outcome.kind in ("retry", "died"):
            self.work.note(outcome.kind, stage=task.node, unit=task.unit, fault=outcome.message)
            if outcome.kind == "retry" or self._deaths_alone(task) < MAX_DEATHS:
                self._delay(task, outcome.message)
                return
            result = set_aside(self.work.dag[task.node], task, outcome.message, self.workspace)
        else:
            assert outcome.result is not None
            result = outcome.result
            self.gone.pop(task.node, None)
        walk = self.walks[task.unit]
        walk.take(self.work.dag, self.work.commit(result))
        self._advance(walk)

    def _deaths_alone(self, task: Task) -> int:
        """Count a death; how many there were in which the task was certainly the only one in hand."""
        deaths = self.deaths[key(task)] = self.deaths.get(key(task), 0) + 1
        return deaths - 1 if task.node in self.callers else deaths

    def _postpone(self, node: str, unit: str, message: str) -> None:
        """Leave a unit pending at a stage, for the next run."""
        walk = self.walks[unit]
        walk.waiting.discard(node)
        walk.stuck.add(node)
        self.work.postpone(node, unit, message)
        self._advance(walk)

    def _delay(self, task: Task, message: str) -> None:
        """Try a task again later; after too many passing faults its unit stays pending."""
        if task.tries >= MAX_RETRIES:
            self._postpone(task.node, task.unit, message)
            return
        due = _Due(task.node, task.unit, task.input_digest, task.tries + 1)
        heapq.heappush(self.delayed, (time.monotonic() + backoff_s(task.tries), next(self.counter), due))

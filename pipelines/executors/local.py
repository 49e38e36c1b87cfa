"""The local executor: worker processes on this machine, units streaming through the segment."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from curation.base.workspace import Workspace
from pipelines.execution import Task
from pipelines.executors.base import StageFailed, Work
from pipelines.executors.faults import MAX_DEATHS, MAX_RETRIES, backoff_s, set_aside
from pipelines.executors.pool import Outcome, WorkerPool
from pipelines.executors.unit_walk import RecordLoader, UnitWalk, make_task

UNITS_PER_WORKER = 8
"""Units in flight per worker: enough to keep it fed, few enough to bound records in memory."""


class LocalExecutor:
    """Runs tasks in `workers` processes; each process sets a stage up once, when it first needs it."""

    def __init__(self, workers: int, start: Mapping[str, Any], workspace: Workspace) -> None:
        self._pool = WorkerPool(workers, start)
        self._workspace = workspace

    def run(self, work: Work) -> None:
        """Run every open unit; the deepest ready stage of the oldest unit goes first."""
        run = _Run(work, self._pool, self._workspace)
        run.loop()

    def close(self) -> None:
        """End the workers."""
        self._pool.close()


@dataclass
class _Run:
    work: Work
    pool: WorkerPool
    workspace: Workspace
    walks: dict[str, UnitWalk] = field(default_factory=dict)
    ready: list[tuple[int, int, int, str, str, str]] = field(default_factory=list)
    delayed: list[tuple[float, int, Task]] = field(default_factory=list)
    deaths: dict[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loader = RecordLoader(self.work.dag, self.work.tables, self.work.scope)
        self.todo = deque(self.work.todo)
        self.order = {state.unit: number for number, state in enumerate(self.work.todo)}
        self.depth = {node.name: number for number, node in enumerate(self.work.segment.nodes)}
        self.counter = itertools.count()

    def loop(self) -> None:
        while self.todo or self.walks:
            self._admit()
            self._submit()
            for outcome in self.pool.collect(timeout_s=0.2):
                self._handle(outcome)
            self.work.tick()

    def _admit(self) -> None:
        """Take more units in while there is room, a batch at a time so that records load together."""
        room = self.pool.size * UNITS_PER_WORKER - len(self.walks)
        if not self.todo or (self.walks and room < self.pool.size * UNITS_PER_WORKER // 2):
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
            rank = (self.order[walk.state.unit], -self.depth[node], next(self.counter))
            heapq.heappush(self.ready, (*rank, node, walk.state.unit, digest))
        if not walk.waiting:
            del self.walks[walk.state.unit]

    def _submit(self) -> None:
        now = time.monotonic()
        while self.pool.busy < self.pool.size:
            if self.delayed and self.delayed[0][0] <= now:
                self.pool.submit(heapq.heappop(self.delayed)[2])
            elif self.ready:
                *_, node, unit, digest = heapq.heappop(self.ready)
                walk = self.walks[unit]
                self.pool.submit(make_task(walk, node, digest, self.work.keys, self.work.run_id, self.loader))
            else:
                # Nothing runs and nothing is due: wait for the first delayed task.
                if self.delayed and not self.pool.busy:
                    time.sleep(min(0.2, max(0.0, self.delayed[0][0] - now)))
                return

    def _handle(self, outcome: Outcome) -> None:
        task = outcome.task
        if outcome.kind == "failed":
            raise StageFailed(task.node, task.unit, outcome.message)
        if outcome.kind in ("retry", "died"):
            self.work.note(outcome.kind, stage=task.node, unit=task.unit, fault=outcome.message)
        if outcome.kind == "retry":
            self._delay(task, outcome.message)
            return
        if outcome.kind == "died":
            deaths = self.deaths[task.node, task.unit] = self.deaths.get((task.node, task.unit), 0) + 1
            if deaths < MAX_DEATHS:
                self._delay(task, outcome.message)
                return
            result = set_aside(self.work.dag[task.node], task, outcome.message, self.workspace)
        else:
            assert outcome.result is not None
            result = outcome.result
        walk = self.walks[task.unit]
        walk.take(self.work.dag, self.work.commit(result))
        self._advance(walk)

    def _delay(self, task: Task, message: str) -> None:
        """Try a task again later; after too many passing faults its unit stays pending."""
        if task.tries >= MAX_RETRIES:
            walk = self.walks[task.unit]
            walk.waiting.discard(task.node)
            walk.stuck.add(task.node)
            self.work.postpone(task.node, task.unit, message)
            self._advance(walk)
            return
        due = time.monotonic() + backoff_s(task.tries)
        heapq.heappush(self.delayed, (due, next(self.counter), replace(task, tries=task.tries + 1)))

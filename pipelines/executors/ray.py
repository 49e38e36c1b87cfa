"""The Ray executor: the same units streaming through pools of actors (Ray Data).

The only file that imports ray. A row is a unit reference: its digests and small records, never media.
Stages of a segment follow one another in topological order; neighbours that ask for the same CPUs and GPUs
share their actors, since every actor costs seconds to start and a process's memory, and a clip that is
decoded in one process need not be decoded in six. A stage that waits for servers has actors to itself, which
run many units at once in threads and ask for no CPU. Every result is posted to a mailbox as soon as its stage
is done; the driver, which holds the lease, commits from there.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy
from ray.exceptions import RayActorError

from curation.base.records import from_arrow
from curation.base.stages import Misconfigured, Resources
from curation.base.tables import Tables
from curation.base.workspace import Workspace, remove_dead_scratch
from pipelines.assess import UnitState
from pipelines.committer import Claims, keep_first
from pipelines.dag import Dag, Node, Segment
from pipelines.execution import Task
from pipelines.executors.actor_pools import actor_pools
from pipelines.executors.attempt import Outcome, TaskRunner, key, pack_outcome, unpack_outcome
from pipelines.executors.base import StageFailed, Work, misconfigured
from pipelines.executors.faults import MAX_DEATHS, MAX_RETRIES, backoff_s, set_aside
from pipelines.executors.mailbox import Mailbox
from pipelines.executors.unit_rows import pack_unit, unpack_unit
from pipelines.executors.unit_walk import RecordLoader, UnitWalk, make_task
from pipelines.scope import InputScope, scope_from_dict
from pipelines.wire import pack_result, pack_task, unpack_result, unpack_task

POLL_S = 0.2
STOP_WITHIN_S = 60.0


class RayExecutor:
    """Runs segments on the Ray cluster that this process is in, on the one at `address`, or on a
    local one started for the run."""

    def __init__(self, start: Mapping[str, Any], address: str | None) -> None:
        self._start = dict(start)
        self._owns = not ray.is_initialized()
        if self._owns:
            found = address or os.environ.get("RAY_ADDRESS") or "local"
            # Ray's workers import from the folder that their driver starts in: that must be ours, not
            # one in which a user keeps a folder `shards` of his own.
            with contextlib.chdir(Path(__file__).resolve().parents[2]):
                ray.init(found, log_to_driver=False, include_dashboard=False if found == "local" else None)
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # Progress is shown from commits, like that of any executor.
        ray.data.DataContext.get_current().enable_progress_bars = False

    def run(self, work: Work) -> None:
        """Run every open unit; results are committed in the order in which they arrive."""
        mailbox = ray.remote(Mailbox).options(num_cpus=0, max_concurrency=8).remote(work.claims)
        rows = [{"unit": state.unit, "state": self._pack(work, state)} for state in work.todo]
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
        pools = actor_pools(work.segment)
        total_cpus = float(ray.cluster_resources().get("CPU", 1))
        num_computing = sum(not nodes[0].stage.resources.waits for nodes in pools)
        for nodes in pools:
            names = [node.name for node in nodes]
            dataset = dataset.map_batches(
                StageActor,
                fn_constructor_args=(
                    self._start,
                    names,
                    dict(work.keys),
                    work.run_id,
                    work.scope.to_dict(),
                    mailbox,
                ),
                batch_size=1,
                batch_format="pyarrow",
                **_actors(nodes[0].stage.resources, total_cpus, num_computing, len(rows)),
            )
        failure: list[BaseException] = []

        def consume() -> None:
            try:
                for _ in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
                    pass
            except BaseException as error:  # noqa: BLE001 - raised again on the driver's own thread
                failure.append(error)

        consumer = threading.Thread(target=consume, name="ray-data", daemon=True)
        consumer.start()
        try:
            while consumer.is_alive():
                self._deliver(work, mailbox)
                work.tick()
                consumer.join(POLL_S)
            self._deliver(work, mailbox)
        except (StageFailed, Misconfigured):
            # The stage raised on its node as well, which ends the dataset.
            consumer.join(STOP_WITHIN_S)
            raise
        if failure:
            raise failure[0]

    def close(self) -> None:
        """Leave the cluster; one that was started for the run ends."""
        if self._owns:
            ray.shutdown()

    def _pack(self, work: Work, state: UnitState) -> bytes:
        """A unit's first row. Input records are small and travel; others are loaded where they are
        needed."""
        records = {}
        if isinstance(work.scope, InputScope):
            records = {work.scope.name: work.scope.load([state.unit])[state.unit]}
        return pack_unit(work.segment, work.keys, work.ledger, state, work.ignore, records)

    def _deliver(self, work: Work, mailbox: Any) -> None:
        for kind, node, unit, payload in ray.get(mailbox.drain.remote()):
            if kind == "result":
                work.commit(unpack_result(payload))
            elif kind == "postponed":
                work.postpone(node, unit, payload)
            elif kind == "misconfigured":
                raise misconfigured(node, payload)
            else:
                raise StageFailed(node, unit, payload)


class StageActor:
    """Stages that follow one another, in one process of the cluster."""

    def __init__(
        self,
        start: Mapping[str, Any],
        nodes: Sequence[str],
        keys: Mapping[str, str],
        run_id: str,
        scope: Mapping[str, Any],
        mailbox: Any,
    ) -> None:
        scratch = _node_scratch(start["scratch"])
        remove_dead_scratch(scratch)
        self._made_of = (start, nodes, keys, run_id, scope, mailbox)
        self._workspace = Workspace.open(start["run_url"], scratch)
        module, function = start["builder"].split(":")
        self._dag: Dag = getattr(importlib.import_module(module), function)(start["config"], self._workspace)
        first = self._dag[nodes[0]]
        self._segment = next(s for s in self._dag.segments() if first in s.nodes)
        self._own = replace(self._segment, nodes=tuple(self._dag[name] for name in nodes))
        self._runner = TaskRunner(self._dag, self._workspace)
        self._keys = keys
        self._run_id = run_id
        self._mailbox = mailbox
        tables = Tables(self._workspace.storage)
        self._loader = RecordLoader(self._dag, tables, scope_from_dict(scope, self._dag, tables))
        self._loading = threading.Lock()
        self._lone: Any = None
        self._one_alone = threading.Lock()

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Move each unit of a batch past these stages; from several threads where the stage waits."""
        return pa.table(
            {"unit": batch.column("unit"), "state": pa.array(list(self._states(batch)), pa.binary())}
        )

    def _states(self, batch: pa.Table) -> Iterator[bytes]:
        for packed in batch.column("state").to_pylist():
            ledger, walk = unpack_unit(packed)
            while tasks := walk.next_tasks(self._own, self._keys, ledger):
                for name, digest in tasks:
                    self._run(walk, self._dag[name], digest)
            yield walk_bytes(self._segment, self._keys, ledger, walk)

    def attempt(self, packed: bytes) -> bytes:
        """Try a single task."""
        return pack_outcome(self._runner.run(unpack_task(packed)))

    def _run(self, walk: UnitWalk, node: Node, digest: str) -> None:
        name, unit = node.name, walk.state.unit
        with self._loading:
            task = make_task(walk, name, digest, self._keys, self._run_id, self._loader)
        outcome = self._tried(node, task, ray.get(self._mailbox.begin.remote(name, unit)))
        if outcome.result is None:
            if outcome.kind in ("failed", "misconfigured"):
                ray.get(self._mailbox.post.remote(outcome.kind, name, unit, outcome.message))
                raise RuntimeError(outcome.message)
            ray.get(self._mailbox.post.remote("postponed", name, unit, outcome.message))
            walk.waiting.discard(name)
            walk.stuck.add(name)
            return
        result = keep_first(self._dag, outcome.result, self._remote_claims(node, outcome.result))
        ray.get(self._mailbox.post.remote("result", name, unit, pack_result(result)))
        walk.take(self._dag, result)

    def _tried(self, node: Node, task: Task, deaths: int) -> Outcome:
        """How a task ends, tried again after passing faults. `deaths` is how often this was begun without an
        end: where several units were in hand, none of them is charged; each goes on in another process."""
        run = self._runner.run
        if node.stage.resources.waits and deaths:
            run, deaths = self._run_alone, 0
        tries = 0
        while deaths < MAX_DEATHS:
            outcome = run(replace(task, tries=tries))
            deaths += outcome.kind == "died"
            if outcome.kind not in ("retry", "died") or tries == MAX_RETRIES:
                return outcome
            time.sleep(backoff_s(tries))
            tries += 1
        return Outcome(task, "done", set_aside(node, task, "the worker process died", self._workspace))

    def _run_alone(self, task: Task) -> Outcome:
        """Try a task in a process where nothing else runs."""
        with self._one_alone:
            if self._lone is None:
                options = {"num_cpus": 0, "max_restarts": 0, "max_task_retries": 0}
                self._lone = ray.remote(StageActor).options(**options).remote(*self._made_of)
            try:
                reply = ray.get(self._lone.attempt.remote(pack_task(task)))
            except RayActorError as gone:
                self._lone = None
                return Outcome(task, "died", message=str(gone))
        return unpack_outcome(reply, {key(task): task})

    def _remote_claims(self, node: Node, result: Any) -> Claims:
        """The answer of the mailbox on the records of a distinct node, as `keep_first` takes it."""
        if not node.distinct:
            return {}
        table = result.tables[node.stage.output.TABLE]
        wanted = {
            record.record_id: (result.row.unit, str(getattr(record, "uri", result.row.unit)))
            for record in from_arrow(node.stage.output, table)
        }
        return {node.name: ray.get(self._mailbox.claims.remote(node.name, wanted))}


def walk_bytes(segment: Segment, keys: Mapping[str, str], ledger: Any, walk: UnitWalk) -> bytes:
    """A unit as the next stage's row."""
    return pack_unit(segment, keys, ledger, walk.state, None, walk.records)


def _actors(needs: Resources, total_cpus: float, num_computing: int, num_rows: int) -> dict[str, Any]:
    """How many actors a pool has, and what each asks for; `num_computing` pools share the CPUs."""
    if needs.waits:
        num_nodes = sum(node["Alive"] for node in ray.nodes())
        strategy = ActorPoolStrategy(
            min_size=1,
            max_size=max(1, min(num_nodes, num_rows // needs.units_in_flight)),
            max_concurrent_calls_per_actor=needs.units_in_flight,
            enable_true_multi_threading=True,
        )
        return {"num_cpus": 0, "compute": strategy}
    # One actor of each pool must fit, and something be left: a pool that cannot start would hang.
    cpus = min(needs.cpus, max(0.05, 0.9 * total_cpus / (num_computing + 1)))
    strategy = ActorPoolStrategy(
        min_size=1,
        # Ray Data queues two rows at an actor before it starts another, and a row is a film.
        initial_size=1 if needs.gpus else _fitting(total_cpus / num_computing, cpus, num_rows),
        max_size=max(1, num_rows),
    )
    return {"num_cpus": cpus, "num_gpus": needs.gpus or None, "compute": strategy}


def _fitting(cpus: float, each: float, most: int) -> int:
    """How many actors of so many CPUs fit, at least one."""
    return max(1, min(most, int(cpus / each)))


def _node_scratch(root: str | None) -> str:
    """A scratch folder of this node's own."""
    node = ray.get_runtime_context().get_node_id()[:12]
    return os.path.join(root or tempfile.gettempdir(), f"cliploom-node-{node}")

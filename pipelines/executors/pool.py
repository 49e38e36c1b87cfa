"""A pool of worker processes that survives the death of any of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from pipelines.execution import Task
from pipelines.executors.attempt import Outcome, key, unpack_outcome
from pipelines.wire import pack, pack_task


@dataclass(frozen=True)
class Crew:
    """Processes that take the same tasks: how many there are at most, and how many tasks each has in hand."""

    name: str
    processes: int = 1
    tasks_each: int = 1


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    crew: Crew
    tasks: dict[tuple[str, str], Task] = field(default_factory=dict)
    ready: bool = False

    @property
    def has_room(self) -> bool:
        # One that still starts reads nothing: a second task might fill its pipe and hold up the driver.
        return len(self.tasks) < (self.crew.tasks_each if self.ready else 1)


class WorkerPool:
    """Workers are started when there is work for them, and not before.

    `start` is the first message of every worker: `run_url`, `scratch` folder or None, `config`, and
    `builder`, the "module:function" that makes a Dag out of config and workspace.
    """

    def __init__(self, start: Mapping[str, Any]) -> None:
        self._start = json.loads(json.dumps(start))
        self._workers: list[_Worker] = []

    @property
    def busy(self) -> bool:
        """Whether any task is at work."""
        return any(worker.tasks for worker in self._workers)

    def has_room(self, crew: Crew) -> bool:
        """Whether a crew can take another task now."""
        own = [worker for worker in self._workers if worker.crew == crew]
        return len(own) < crew.processes or any(worker.has_room for worker in own)

    def submit(self, crew: Crew, task: Task) -> None:
        """Hand a task to a crew that has room."""
        own = (worker for worker in self._workers if worker.crew == crew and worker.has_room)
        worker = next(own, None) or self._spawn(crew)
        worker.tasks[key(task)] = task
        try:
            worker.connection.send_bytes(pack_task(task))
        except (BrokenPipeError, ConnectionResetError):
            # It died while idle; its end of the pipe reports that like any other death.
            return

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Tasks that ended, waiting up to a timeout for the first."""
        busy = {worker.connection: worker for worker in self._workers if worker.tasks}
        outcomes = []
        for connection in wait(list(busy), timeout_s):
            assert isinstance(connection, Connection)
            outcomes += self._receive(busy[connection])
        return outcomes

    def close(self) -> None:
        """End all workers: those at rest by closing their pipe, those at work by killing them."""
        for worker in self._workers:
            worker.connection.close()
            if worker.tasks:
                worker.process.kill()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers.clear()

    def _receive(self, worker: _Worker) -> list[Outcome]:
        """What a worker has to say: how a task ended, or, if it is gone, how all of its tasks did."""
        try:
            message = worker.connection.recv_bytes()
        except (EOFError, OSError):
            # An OSError is the end in the middle of a message.
            return self._buried(worker)
        if not worker.ready:
            worker.ready = True
            return []
        outcome = unpack_outcome(message, worker.tasks)
        del worker.tasks[key(outcome.task)]
        return [outcome]

    def _buried(self, worker: _Worker) -> list[Outcome]:
        worker.connection.close()
        status = worker.process.wait()
        self._workers.remove(worker)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        kind, message = "died", f"the worker process ended by {how}"
        if not worker.ready:
            # No fault of the input: every other worker would fail alike.
            kind = "failed"
            message = f"a worker process could not start ({how}); what it printed stands above"
        return [Outcome(task, kind, message=message) for task in worker.tasks.values()]

    def _spawn(self, crew: Crew) -> _Worker:
        ours, theirs = socket.socketpair()
        # -P: nothing is imported from the folder that the user happens to be in.
        module = "pipelines.executors.worker"
        command = [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        worker = _Worker(process, Connection(ours.detach()), crew)
        worker.connection.send_bytes(pack({**self._start, "tasks_at_once": crew.tasks_each}))
        self._workers.append(worker)
        return worker

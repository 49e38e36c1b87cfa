"""A pool of worker processes that survives the death of any of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from curation.base.ledger import Result
from pipelines.execution import Task
from pipelines.wire import pack, pack_task, unpack, unpack_result


@dataclass(frozen=True)
class Outcome:
    """How a task ended: with a result; `retry` (a passing fault); `failed` (a programming error);
    `died` (the worker is gone). `message` says more."""

    task: Task
    kind: str
    result: Result | None = None
    message: str = ""


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    task: Task | None = None
    ready: bool = False


class WorkerPool:
    """Workers are started when there is work for them; each holds one task at a time.

    `start` is the first message of every worker: `run_url`, `scratch` folder or None, `config`, and
    `builder`, the "module:function" that makes a Dag out of config and workspace.
    """

    def __init__(self, size: int, start: Mapping[str, Any]) -> None:
        self.size = size
        self._start = json.loads(json.dumps(start))
        self._workers: list[_Worker] = []

    @property
    def busy(self) -> int:
        """Tasks at work."""
        return sum(worker.task is not None for worker in self._workers)

    def submit(self, task: Task) -> None:
        """Hand a task to a free worker; there must be one (busy < size)."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            assert len(self._workers) < self.size, "submit() on a full pool"
            worker = self._spawn()
        worker.task = task
        try:
            worker.connection.send_bytes(pack_task(task))
        except (BrokenPipeError, ConnectionResetError):
            # It died while idle; its end of the pipe reports that like any other death.
            return

    def collect(self, timeout_s: float) -> list[Outcome]:
        """Tasks that ended, waiting up to a timeout for the first."""
        busy = {worker.connection: worker for worker in self._workers if worker.task is not None}
        outcomes = []
        for connection in wait(list(busy), timeout_s):
            assert isinstance(connection, Connection)
            outcome = self._receive(busy[connection])
            if outcome is not None:
                outcomes.append(outcome)
        return outcomes

    def close(self) -> None:
        """End all workers: those at rest by closing their pipe, those at work by killing them."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.kill()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        self._workers.clear()

    def _receive(self, worker: _Worker) -> Outcome | None:
        """How a worker's task ended; None if the worker only said that it is ready."""
        task = worker.task
        assert task is not None
        try:
            header, buffers = unpack(worker.connection.recv_bytes())
            if header["kind"] == "ready":
                worker.ready = True
                return None
            worker.task = None
        except (EOFError, ConnectionResetError):
            worker.connection.close()
            status = worker.process.wait()
            self._workers.remove(worker)
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            if not worker.ready:
                # No fault of the input: every other worker would fail alike.
                message = f"a worker process could not start ({how}); what it printed stands above"
                return Outcome(task, "failed", message=message)
            return Outcome(task, "died", message=f"the worker process ended by {how}")
        if header["kind"] == "done":
            return Outcome(task, "done", result=unpack_result(buffers[0]))
        return Outcome(task, header["kind"], message=header["message"])

    def _spawn(self) -> _Worker:
        ours, theirs = socket.socketpair()
        # -P: nothing is imported from the folder that the user happens to be in.
        module = "pipelines.executors.worker"
        command = [sys.executable, "-P", "-m", module, str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        worker = _Worker(process, Connection(ours.detach()))
        worker.connection.send_bytes(pack(self._start))
        self._workers.append(worker)
        return worker

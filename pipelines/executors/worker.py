"""A worker process of the local executor: reads tasks from a pipe, runs stages, writes outcomes.

Started as `python -m pipelines.executors.worker FD PARENT` with one end of a socket pair and the process
id of the driver. Its first message says where the run is, which function builds the stages out of which
config, and how many tasks to serve at once; it answers that it is ready, serves tasks, and ends when the
other end closes.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import shutil
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from curation.base.workspace import Workspace
from pipelines.dag import Dag
from pipelines.execution import Task
from pipelines.executors.attempt import TaskRunner, pack_outcome
from pipelines.wire import pack, unpack, unpack_task

_PR_SET_PDEATHSIG = 1
_THREAD_FAILED = 70


def main(descriptor: int, parent: int) -> None:
    """Serve tasks until the driver is gone."""
    _die_with(parent)
    # An interrupt at the terminal reaches every process of the group: the driver decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    try:
        start, _ = unpack(connection.recv_bytes())
    except EOFError:
        return
    workspace = Workspace.open(start["run_url"], start["scratch"])
    try:
        runner = TaskRunner(_build(start, workspace), workspace)
        connection.send_bytes(pack({"kind": "ready"}))
        if start["tasks_at_once"] > 1:
            _serve_in_threads(connection, runner, start["tasks_at_once"])
        else:
            _serve(connection, runner)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)


def _serve(connection: Connection, runner: TaskRunner) -> None:
    """One task after another, on the main thread: what stages call may insist on that."""
    while True:
        connection.send_bytes(pack_outcome(runner.run(unpack_task(connection.recv_bytes()))))


def _serve_in_threads(connection: Connection, runner: TaskRunner, threads: int) -> None:
    """Each task in a thread; outcomes go back as they come. The driver sends no more than there are
    threads, and this one always reads, so neither end waits for the other's pipe to empty."""
    sending = threading.Lock()

    def serve(task: Task) -> None:
        try:
            reply = pack_outcome(runner.run(task))
            with sending, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send_bytes(reply)
        except BaseException:  # noqa: BLE001 - a thread that ended quietly would leave its task without an end
            traceback.print_exc()
            os._exit(_THREAD_FAILED)

    pool = ThreadPoolExecutor(threads)
    while True:
        pool.submit(serve, unpack_task(connection.recv_bytes()))


def _build(start: dict[str, Any], workspace: Workspace) -> Dag:
    module, function = start["builder"].split(":")
    dag = getattr(importlib.import_module(module), function)(start["config"], workspace)
    assert isinstance(dag, Dag)
    return dag


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process with the driver, even if that is killed in mid-task; end now if it
    is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

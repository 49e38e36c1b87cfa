"""A worker process of the local executor: reads tasks from a pipe, runs stages, writes results.

Started as `python -m pipelines.executors.worker FD PARENT` with one end of a socket pair and the process
id of the driver. Its first message says where the run is and which function builds the stages out of which
config; it answers that it is ready, serves tasks, and ends when the other end closes.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import shutil
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from curation.base.workspace import Workspace
from pipelines.dag import Dag
from pipelines.execution import run_task
from pipelines.executors.faults import PASSING
from pipelines.wire import pack, pack_result, unpack, unpack_task

_PR_SET_PDEATHSIG = 1


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
        dag = _build(start, workspace)
        connection.send_bytes(pack({"kind": "ready"}))
        _serve(connection, dag, workspace)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)


def _serve(connection: Connection, dag: Dag, workspace: Workspace) -> None:
    ready: set[str] = set()
    while True:
        message = connection.recv_bytes()
        task = unpack_task(message)
        node = dag[task.node]
        try:
            if node.name not in ready:
                node.stage.setup()
                ready.add(node.name)
            reply = pack({"kind": "done"}, [pack_result(run_task(node, task, workspace))])
        except PASSING as fault:
            reply = pack({"kind": "retry", "message": str(fault)})
        except Exception:  # noqa: BLE001 - carried to the driver whole, which stops the run with it
            reply = pack({"kind": "failed", "message": traceback.format_exc()})
        connection.send_bytes(reply)


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

"""A try at a task, wherever it is made: stages are set up once per process, and faults are told apart."""

from __future__ import annotations

import socket
import threading
import traceback
from dataclasses import dataclass

from curation.base.ledger import Result
from curation.base.stages import Misconfigured, WaitedOut
from curation.base.workspace import Workspace
from pipelines.dag import Dag, Node
from pipelines.execution import Task, run_task
from pipelines.executors.faults import PASSING
from pipelines.wire import pack, pack_result, unpack, unpack_result


@dataclass(frozen=True)
class Outcome:
    """How a try ended: `done`, with a result; `retry` (a passing fault); `postponed` (one that was waited for
    long enough); `misconfigured` (a user's mistake); `failed` (a programming error); `died` (the process is
    gone). `message` says more."""

    task: Task
    kind: str
    result: Result | None = None
    message: str = ""


class TaskRunner:
    """Runs tasks in this process, from any of its threads."""

    def __init__(self, dag: Dag, workspace: Workspace) -> None:
        self._dag = dag
        self._workspace = workspace
        self._ready: set[str] = set()
        self._setting_up = threading.Lock()

    def run(self, task: Task) -> Outcome:
        """Try a task; whatever the stage raises becomes an outcome."""
        node = self._dag[task.node]
        try:
            self._set_up(node, task.stage_key)
            return Outcome(task, "done", run_task(node, task, self._workspace))
        except WaitedOut as fault:
            return Outcome(task, "postponed", message=str(fault))
        except PASSING as fault:
            return Outcome(task, "retry", message=str(fault))
        except Misconfigured as mistake:
            return Outcome(task, "misconfigured", message=str(mistake))
        except Exception:  # noqa: BLE001 - carried to the driver whole, which stops the run with it
            return Outcome(task, "failed", message=traceback.format_exc())

    def _set_up(self, node: Node, key: str) -> None:
        """Set a stage up when this process first needs it; threads that come meanwhile wait.

        Raises:
            Misconfigured: the stage cannot be set up, or would put out something else than the run's other
                machines do.
        """
        with self._setting_up:
            if node.name in self._ready:
                return
            try:
                node.stage.setup()
            except ValueError as error:
                raise Misconfigured(str(error)) from error
            if node.stage.key() != key:
                here = ", ".join(f"{name} {value}" for name, value in node.stage.fingerprints().items())
                raise Misconfigured(
                    f"on {socket.gethostname()} it has other weights, prompts or libraries than where the "
                    f"run was started: {here}. Install the same versions and files on both, and do not "
                    "change them during a run."
                )
            self._ready.add(node.name)


def pack_outcome(outcome: Outcome) -> bytes:
    """An outcome as a message; of its task only what names it."""
    header = {"kind": outcome.kind, "task": key(outcome.task), "message": outcome.message}
    return pack(header, [pack_result(outcome.result)] if outcome.result else [])


def unpack_outcome(message: bytes, tasks: dict[tuple[str, str], Task]) -> Outcome:
    """The outcome of a message about one of some tasks, by `key`."""
    header, buffers = unpack(message)
    result = unpack_result(buffers[0]) if buffers else None
    node, unit = header["task"]
    return Outcome(tasks[node, unit], header["kind"], result, header["message"])


def key(task: Task) -> tuple[str, str]:
    """What names a task among those at work: its stage and unit."""
    return task.node, task.unit

"""What every executor does about faults: how often a unit is tried, and when it is set aside."""

from __future__ import annotations

from curation.base.ledger import Result
from curation.base.rejects import Reason
from curation.base.stages import Retry
from curation.base.workspace import Workspace
from pipelines.dag import Node
from pipelines.execution import Task, reject_all

MAX_DEATHS = 3
"""A unit whose worker dies this often in one stage, with no other unit in hand, is set aside as poison."""
MAX_RETRIES = 5
FIRST_BACKOFF_S = 0.5

PASSING = (Retry, OSError)
"""A disk or a network that fails is no fault of the input, nor of the stage."""


def backoff_s(tries: int) -> float:
    """Seconds to wait after so many earlier tries."""
    return float(FIRST_BACKOFF_S * 2**tries)


def set_aside(node: Node, task: Task, how: str, workspace: Workspace) -> Result:
    """The rejects of a unit that keeps killing its worker; `how` says how the worker ended."""
    detail = (
        f"{how} {MAX_DEATHS} times while stage '{node.name}' worked on this input; it was set aside. "
        "cliploom retry tries it again; the run's log has each time."
    )
    return reject_all(node, task, Reason.WORKER_DIED, detail, workspace)

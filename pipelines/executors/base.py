"""What an executor is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from curation.base.ledger import Ledger, Result
from curation.base.stages import Misconfigured
from curation.base.tables import Tables
from pipelines.assess import Ignore, UnitState
from pipelines.committer import Claims
from pipelines.dag import Dag, Segment
from pipelines.scope import Scope


class StageFailed(RuntimeError):
    """A programming error inside a stage; `report` is the worker's traceback."""

    def __init__(self, stage: str, unit: str, report: str) -> None:
        super().__init__(f"stage '{stage}' failed on unit {unit}:\n{report}")


def misconfigured(stage: str, message: str) -> Misconfigured:
    """A mistake of the user's that a stage found in a worker."""
    return Misconfigured(f"stage '{stage}': {message}")


@dataclass(frozen=True)
class Work:
    """A segment's open units and what is needed to run them.

    `commit` takes each result as it comes (possibly in another order than the units) and says what
    was really committed: a result whose records another unit had first comes back as a reject.
    `claims` is what that decision rests on.
    `ignore` marks results that must be made again.
    `postpone` notes that a stage stays pending for a unit after passing faults; `note` writes an event
    to the run's log.
    """

    dag: Dag
    segment: Segment
    keys: Mapping[str, str]
    run_id: str
    ledger: Ledger
    tables: Tables
    scope: Scope
    todo: Sequence[UnitState]
    ignore: Ignore | None
    commit: Callable[[Result], Result]
    claims: Claims
    postpone: Callable[[str, str, str], None]
    note: Callable[..., None]
    tick: Callable[[], None]


class Executor(Protocol):
    """Runs the open units of a segment of Maps and Joins."""

    def run(self, work: Work) -> None:
        """Run every open unit as far as it will go. Results committed so far stand whatever is raised.

        Raises:
            StageFailed: a stage has a programming error.
            Misconfigured: a stage found a mistake of the user's.
        """

    def close(self) -> None:
        """End all workers."""

"""Running one stage on one unit: the same steps in every executor.

Records travel as Arrow IPC bytes, so that a unit can be handed to another process or node without
anybody unpickling anything.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.base.ids import attempt_id
from curation.base.ledger import Attempt, Result, UnitRow
from curation.base.records import Record, digest_records, from_arrow
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group, Join, Map
from curation.base.tables import from_ipc, rows
from curation.base.usage import take_usage
from curation.base.workspace import Workspace
from pipelines.dag import MAP_INPUT, Node, input_types

NO_RECORDS = digest_records(())
"""The output digest of a stage that put out nothing."""


@dataclass(frozen=True)
class Task:
    """A stage to be run on a unit. `inputs` maps input names to Arrow IPC bytes of records."""

    node: str
    unit: str
    stage_key: str
    input_digest: str
    inputs: Mapping[str, bytes]
    run_id: str
    tries: int = 0


class UnaccountedInput(AssertionError):
    """A stage lost input records: a programming error in the stage."""


def input_digest(node: Node, outputs: Mapping[str, str]) -> str:
    """Digest of a unit's actual inputs of a node, from the output digests of the nodes above."""
    parts = [f"{name}={outputs[upstream]}" for name, upstream in sorted(node.inputs.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def run_task(node: Node, task: Task, workspace: Workspace) -> Result:
    """Call the stage on all records of the unit and account for each of them.

    Raises:
        Retry: a passing fault; nothing was committed.
        UnaccountedInput: an input record has neither an output nor a reject.
    """
    types = input_types(node.stage)
    records = {name: from_arrow(types[name], from_ipc(data)) for name, data in task.inputs.items()}
    workspace.media.take_written()
    take_usage()
    started = time.perf_counter()
    outputs, rejects = call_stage(node, records)
    seconds = time.perf_counter() - started
    primary = [record.record_id for record in records[node.primary]]
    return make_result(node, task, primary, outputs, rejects, workspace, seconds)


def call_stage(node: Node, records: Mapping[str, Sequence[Record]]) -> tuple[list[Record], list[Rejected]]:
    """All that a Map or Join yields for the records of one unit."""
    outputs: list[Record] = []
    rejects: list[Rejected] = []
    for item in _calls(node, records):
        if isinstance(item, Rejected):
            rejects.append(item)
        else:
            outputs.append(item)
    return outputs, rejects


def make_result(
    node: Node,
    task: Task,
    primary: Sequence[str],
    outputs: Sequence[Record],
    rejects: Sequence[Rejected],
    workspace: Workspace,
    seconds: float,
) -> Result:
    """Check the accounting and put the records into the rows of their tables."""
    committed, rejected = account(node.name, primary, outputs, rejects)
    attempt, used = attempt_id(), take_usage()
    row = UnitRow(
        stage=node.name,
        stage_key=task.stage_key,
        unit=task.unit,
        revision=0,
        epoch=0,
        attempt=attempt,
        run_id=task.run_id,
        input_digest=task.input_digest,
        output_digest=digest_records(outputs),
        inputs=len(primary),
        committed=committed,
        rejected=rejected,
        outputs=len(outputs),
        media=workspace.media.take_written(),
        committed_at=time.time(),
    )
    return Result(
        row=row,
        attempt=Attempt(
            attempt=attempt,
            stage=node.name,
            unit=task.unit,
            run_id=task.run_id,
            host=socket.gethostname(),
            seconds=round(seconds, 4),
            retries=task.tries,
            answers=used.answers,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
        ),
        tables={
            node.stage.output.TABLE: rows(node.stage.output, outputs, task.unit, task.stage_key, attempt),
            Rejected.TABLE: rows(Rejected, rejects, task.unit, task.stage_key, attempt),
        },
    )


def reject_all(node: Node, task: Task, reason: Reason, detail: str, workspace: Workspace) -> Result:
    """A result that turns down every input of a unit."""
    cls = input_types(node.stage)[node.primary]
    ids = [record.record_id for record in from_arrow(cls, from_ipc(task.inputs[node.primary]))]
    rejects = [
        Rejected(rejected_id=i, parent_id=i, stage=node.name, reason=reason, detail=detail) for i in ids
    ]
    return make_result(node, task, ids, [], rejects, workspace, 0.0)


def account(
    stage: str, primary: Sequence[str], outputs: Sequence[Record], rejects: Sequence[Rejected]
) -> tuple[int, int]:
    """How many input records are parents of an output, and how many of a reject only.

    Raises:
        UnaccountedInput: some are parents of nothing.
    """
    with_output = {parent for record in outputs for parent in record.parent_ids}
    with_reject = {reject.parent_id for reject in rejects}
    committed = sum(1 for record_id in primary if record_id in with_output)
    missing = [i for i in primary if i not in with_output and i not in with_reject]
    if missing:
        raise UnaccountedInput(
            f"stage '{stage}' neither put out nor rejected {len(missing)} of {len(primary)} input records, "
            f"e.g. {missing[0]}"
        )
    return committed, len(primary) - committed


def _calls(node: Node, records: Mapping[str, Sequence[Record]]) -> Iterator[Record | Rejected]:
    size = node.stage.resources.batch_size
    if isinstance(node.stage, Map):
        found = records[MAP_INPUT]
        for start in range(0, len(found), size):
            yield from node.stage(found[start : start + size])
        return
    assert isinstance(node.stage, Join)
    groups = list(_groups(node.stage, node.primary, records))
    for start in range(0, len(groups), size):
        yield from node.stage(groups[start : start + size])


def _groups(stage: Join[Any], primary: str, records: Mapping[str, Sequence[Record]]) -> Iterator[Group]:
    """Records by key; only keys that the primary input has."""
    by_key: dict[str, dict[str, list[Record]]] = {}
    for record in records[primary]:
        by_key.setdefault(getattr(record, stage.on), defaultdict(list))[primary].append(record)
    for name, found in records.items():
        if name != primary:
            for record in found:
                group = by_key.get(getattr(record, stage.on))
                if group is not None:
                    group[name].append(record)
    for key, group in by_key.items():
        yield Group(key, dict(group))

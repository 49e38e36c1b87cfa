"""What a run would do, without doing any of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from curation.base.ids import attempt_id
from curation.base.workspace import Workspace
from curation.discover import InputTable, find_inputs
from pipelines.assess import assess
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.run_view import RunView
from pipelines.scope import InputScope
from pipelines.serving import server_problems, server_remarks

OUTPUT_PER_INPUT = 1.2
"""Bytes of clips, frames, sound and shards per byte of input: about what re-encoding at 256 px and
packing a copy come to on web video. An estimate for the disk check only."""


@dataclass(frozen=True)
class StagePlan:
    """Units of a stage; `redo` are those among `todo` that have a result under another config or for
    other inputs."""

    done: int
    todo: int
    redo: int
    cpus: float
    gpus: float


@dataclass
class Plan:
    """What was found. `problems` are what would make the run fail, `remarks` what might, and what is good to
    know."""

    inputs: int
    input_bytes: int
    new_inputs: int
    output_bytes: int
    free_bytes: int | None
    stages: dict[str, StagePlan]
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def plan(config: PipelineConfig, inputs: Sequence[str], output: str, limit: int | None) -> Plan:
    """Check everything that can be checked without running.

    Raises:
        NoInput: a path is not there or holds no file.
        DagError: stages do not fit together.
    """
    workspace = Workspace.open(output)
    try:
        view = RunView.open(build(config, workspace), workspace, limit)
        found = find_inputs(inputs, exclude=[workspace.storage.url])
        known = {record.uri: record for record in InputTable(view.tables).read()}
        fresh = [r for r in found if r.uri not in known or known[r.uri].digest() != r.digest()]
        together = {**known, **{record.uri: record for record in found}}
        scope = InputScope(view.dag.root, list(together.values())[:limit])
        stages = {}
        for segment in view.dag.segments():
            if segment.is_reduce or segment.scope != view.dag.root:
                continue
            counts = assess(segment, view.keys, view.ledger, scope.units()).counts
            for node in segment.nodes:
                count, needs = counts[node.name], node.stage.resources
                stages[node.name] = StagePlan(
                    count.units_settled, count.units_pending, count.units_changed, needs.cpus, needs.gpus
                )
        size = sum(record.size_bytes for record in found)
        result = Plan(
            inputs=len(found),
            input_bytes=size,
            new_inputs=len(fresh),
            output_bytes=int(sum(record.size_bytes for record in fresh) * OUTPUT_PER_INPUT),
            free_bytes=_free_bytes(workspace),
            stages=stages,
        )
        result.problems += _problems(view, result) + server_problems(config)
        result.remarks += server_remarks(config)
        return result
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)


def _problems(view: RunView, found: Plan) -> list[str]:
    problems = []
    if found.free_bytes is not None and found.output_bytes > found.free_bytes:
        problems.append(
            f"the output needs about {found.output_bytes / 1e6:.0f} MB, "
            f"but {found.free_bytes / 1e6:.0f} MB are free"
        )
    root = view.workspace.storage.local_root
    if root is not None and not os.access(_existing(root), os.W_OK):
        problems.append(f"{root} cannot be written to")
    storage, probe = view.workspace.storage, f".cliploom-plan-{attempt_id()}"
    if storage.local_root is None:
        try:
            storage.create(probe, b"")
        except OSError as error:
            problems.append(f"{storage.url} cannot be written to: {error}")
        else:
            storage.remove(probe)
    return problems


def _free_bytes(workspace: Workspace) -> int | None:
    root = workspace.storage.local_root
    if root is None:
        return None
    return shutil.disk_usage(_existing(root)).free


def _existing(folder: Path) -> Path:
    """A folder, or the nearest one above it that is there."""
    while not folder.exists() and folder != Path(folder.anchor):
        folder = folder.parent
    return folder

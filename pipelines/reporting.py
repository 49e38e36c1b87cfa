"""Bringing a run's facts together for its report."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from importlib import metadata
from pathlib import Path

from curation.base.ledger import Attempt
from curation.filters.base import FilterStage
from pipelines.report.data import FilterLimits, RunFacts, Training
from pipelines.report.gather import gather
from pipelines.report.render import write
from pipelines.report.run_records import CommittedRecords
from pipelines.run_view import RunView
from training.logs.metrics import METRICS_FILE
from training.result import TrainResult


def write_report(name: str, view: RunView, run_id: str, seconds: float, trained: TrainResult | None) -> str:
    """Write `report/index.html` of a run and return its URL."""
    finished_s = time.time()
    facts = RunFacts(
        run_id=run_id,
        config_name=name,
        started_s=finished_s - seconds,
        finished_s=finished_s,
        version=metadata.version("cliploom"),
        files=view.counts()[view.dag.nodes[0].name].inputs,
        stage_seconds=_stage_seconds(view),
        filters=_filters(view),
    )
    training = _training(trained) if trained is not None else None
    data = gather(facts, CommittedRecords(view), view.workspace.media.read, training=training)
    return write(data, view.workspace.storage)


def _filters(view: RunView) -> tuple[FilterLimits, ...]:
    """The filters in use and their thresholds."""
    stages = (node.stage for node in view.dag)
    return tuple(
        FilterLimits(name=stage.filter, min=stage.config.min, max=stage.config.max)
        for stage in stages
        if isinstance(stage, FilterStage)
    )


def _stage_seconds(view: RunView) -> tuple[tuple[str, float], ...]:
    """Seconds of work of the results that count, over all workers."""
    counted = {row.attempt for node in view.dag for row in view.rows(node.name)}
    table = view.tables.read(Attempt.TABLE, columns=["attempt", "stage", "seconds"])
    spent: dict[str, float] = defaultdict(float)
    for row in table.to_pylist() if table is not None else []:
        if row["attempt"] in counted:
            spent[row["stage"]] += row["seconds"]
    return tuple((node.name, round(spent[node.name], 2)) for node in view.dag)


def _training(trained: TrainResult) -> Training | None:
    """The loss curve of a training, from its log."""
    path = Path(trained.output) / METRICS_FILE
    if not path.exists():
        return None
    steps = [json.loads(line) for line in path.read_text().splitlines()]
    if not steps:
        return None
    return Training(
        losses=tuple((step["step"], step["loss"]) for step in steps),
        samples_per_s=steps[-1]["samples_per_s"],
    )

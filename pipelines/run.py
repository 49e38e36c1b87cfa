"""A whole run from Python: what `cliploom run` does."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from curation.base.lease import Lease
from curation.base.ledger import UnitRow
from curation.base.storage import is_local, join, normalise
from curation.base.workspace import Workspace, remove_dead_scratch
from curation.discover import find_inputs
from pipelines.build import build
from pipelines.config import PipelineConfig
from pipelines.executors.base import Executor
from pipelines.progress import Progress, make_progress
from pipelines.reporting import write_report
from pipelines.run_log import RunLog
from pipelines.run_view import RunView
from pipelines.runner import Runner, RunOutcome, Say
from pipelines.serving import ServedExecutor, server_logs, server_owner, unreachable_servers
from pipelines.sweep import sweep

if TYPE_CHECKING:
    from training.result import TrainResult

BUILDER = "pipelines.build:build_from_dict"


@dataclass(frozen=True)
class RunSummary:
    """What a run holds at its end. `executed` counts results made by this call (0: nothing was left
    to do), `trained_steps` training steps made by it; `sources` are readable videos."""

    run_id: str
    inputs: int
    sources: int
    clips: int
    fused: int
    samples: int
    shards: int
    rejected: dict[str, int]
    seconds: float
    executed: int
    trained_steps: int
    rejected_inputs: int
    postponed: list[tuple[str, str, str]] = field(default_factory=list)
    shards_url: str = ""
    report_url: str = ""
    log_url: str = ""
    training_url: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def run(
    config: PipelineConfig,
    inputs: Sequence[str],
    output: str,
    *,
    limit: int | None = None,
    retry: Callable[[UnitRow], bool] | None = None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> RunSummary:
    """Bring the run at `output` up to date with its inputs and config.

    `inputs` are files, folders or fsspec URLs; `limit` takes the first so many files only; `retry`
    marks results that are made again although nothing changed.

    Raises:
        ValueError: an input that is not there, or a config that does not fit (NoInput, DagError…).
        LeaseTaken: another process is committing to the run.
        StageFailed: a stage has a programming error.
    """
    started = time.monotonic()
    if unreachable := unreachable_servers(config):
        raise ValueError(unreachable[0])
    remove_dead_scratch(config.execution.scratch)
    found = find_inputs(inputs, exclude=[normalise(output)])
    workspace = Workspace.open(output, config.execution.scratch)
    settings = config.model_dump(mode="json")
    dag = build(config, workspace)
    shown = progress or make_progress()
    try:
        with _terminable(), Lease(workspace.storage) as lease, RunLog(workspace.storage) as log:
            logs = server_logs(workspace.storage, log.run_id)
            owner = server_owner(workspace.storage)
            executor = ServedExecutor(config, partial(_executor, workspace), logs, say, owner)
            runner = Runner(dag, workspace, executor, shown, log, say)
            saved = {"inputs": [normalise(path) for path in inputs], "limit": limit, "config": settings}
            try:
                # Once more: an executor may have brought a handler of its own, as Ray does.
                with _terminable():
                    outcome = runner.run(found, saved, lease, limit=limit, ignore=retry)
            finally:
                executor.close()
                shown.close()
            view = RunView.open(dag, workspace, limit)
            if outcome.executed:
                sweep(view)
            trained = None
            if config.training is not None and not outcome.postponed:
                trained = _train(config, view, say)
            summary = summarise(view, outcome, time.monotonic() - started, trained)
            write_report(config.name, view, summary.run_id, summary.seconds, trained)
            log.write("finished", **summary.to_json())
            if trained is not None and trained.interrupted:
                raise KeyboardInterrupt
            return summary
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)


def summarise(view: RunView, outcome: RunOutcome, seconds: float, trained: TrainResult | None) -> RunSummary:
    """Count what a run holds."""
    counts = view.counts()
    manifest = view.records("manifest").to_pylist()
    url = view.workspace.storage.url
    return RunSummary(
        run_id=outcome.run_id,
        inputs=counts["probe"].inputs,
        sources=counts["probe"].committed,
        clips=counts["admit"].outputs,
        fused=counts["gate"].outputs,
        samples=manifest[0]["num_samples"] if manifest else 0,
        shards=manifest[0]["num_shards"] if manifest else 0,
        rejected=view.reject_reasons(),
        seconds=round(seconds, 1),
        executed=outcome.executed,
        trained_steps=trained.step - trained.first_step if trained else 0,
        rejected_inputs=counts["probe"].rejected,
        postponed=outcome.postponed,
        shards_url=join(url, "shards"),
        report_url=join(url, "report", "index.html"),
        log_url=join(url, "logs", f"{outcome.run_id}.jsonl"),
        training_url=trained.output if trained else "",
    )


def _executor(workspace: Workspace, config: PipelineConfig) -> Executor:
    execution = config.execution
    start = {
        "run_url": workspace.storage.url,
        "scratch": execution.scratch,
        "config": config.model_dump(mode="json"),
        "builder": BUILDER,
    }
    if execution.executor == "ray":
        try:
            from pipelines.executors.ray import RayExecutor
        except ModuleNotFoundError as error:
            raise ValueError(
                f"executor = ray needs the 'ray' extra ({error.name} is missing): pip install 'cliploom[ray]'"
            ) from None
        return RayExecutor(start, execution.ray_address)
    from pipelines.executors.local import LocalExecutor

    return LocalExecutor(execution.workers or len(os.sched_getaffinity(0)), start, workspace)


def _train(config: PipelineConfig, view: RunView, say: Say) -> TrainResult | None:
    """Train on the run's shards, from its last checkpoint on."""
    assert config.training is not None
    url = view.workspace.storage.url
    if not is_local(url):
        say(
            f"training writes to a local folder: after this run, cliploom train CONFIG "
            f"--set data.train={join(url, 'shards')} --output FOLDER"
        )
        return None
    manifests = view.records("manifest", ["version", "num_samples"]).to_pylist()
    if not manifests or not manifests[0]["num_samples"]:
        say("no sample was packed, so nothing is trained")
        return None
    from training.checkpoints.resume import config_hash
    from training.logs.progress import TrainingProgress
    from training.run import train

    # A folder per data set and config: other data or another config is another training.
    name = f"{manifests[0]['version'][:8]}-{config_hash(config.training)[:8]}"
    with TrainingProgress(sys.stderr) as show:
        return train(config.training, output=join(url, "training", name), on_log=show)


def with_own_shards(values: dict[str, Any], output: str) -> None:
    """Point a config's training section, if it has one, at the shards of the run itself."""
    training = values.get("training")
    if isinstance(training, dict):
        data = training.setdefault("data", {})
        if isinstance(data, dict) and "mixture" not in data:
            data.setdefault("train", join(normalise(output), "shards"))


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM end a run as an interrupt does: what was done is committed first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

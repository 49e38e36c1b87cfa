"""The way from file to sample of a run, for those who look at its shards."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.config import PipelineConfig
    from pipelines.report.data import FunnelStep


def run_funnel(run: str, config: PipelineConfig, saved: dict[str, Any]) -> tuple[FunnelStep, ...]:
    """The steps of the funnel of a run, as its report has them.

    `config` and `saved` are what `saved_pipeline` gives.
    """
    from curation.base.workspace import Workspace
    from pipelines.build import build
    from pipelines.report.data import RunFacts
    from pipelines.report.gather import gather
    from pipelines.report.run_records import CommittedRecords
    from pipelines.run_view import RunView

    workspace = Workspace.open(run)
    try:
        view = RunView.open(build(config, workspace), workspace, saved["limit"])
        facts = RunFacts(
            run_id="",
            config_name="",
            started_s=0.0,
            finished_s=0.0,
            version="",
            files=view.counts()[view.dag.nodes[0].name].inputs,
            stage_seconds=(),
            filters=(),
        )
        return gather(facts, CommittedRecords(view), workspace.media.read, max_clips=0).funnel
    finally:
        shutil.rmtree(workspace.scratch, ignore_errors=True)

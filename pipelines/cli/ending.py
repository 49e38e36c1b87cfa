"""How the commands that carry out a run end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from curation.base.rejects import Reason
from pipelines.cli import DONE, FAILED, PARTIAL
from pipelines.cli.messages import WorkFailed
from pipelines.config import PipelineConfig
from pipelines.executors.base import StageFailed
from pipelines.run import RunSummary


@contextmanager
def stage_failures() -> Iterator[None]:
    """Report a stage's programming error as failed work."""
    try:
        yield
    except StageFailed as error:
        raise WorkFailed(
            f"{error}\nThis is a bug in the stage. What was done is committed; the same command continues."
        ) from None


def exit_code(summary: RunSummary, config: PipelineConfig) -> int:
    """The exit code that a finished run calls for; says on stderr what is still pending."""
    if summary.postponed:
        stage, unit, fault = summary.postponed[0]
        click.echo(
            f"cliploom: {len(summary.postponed)} units are still pending after passing faults, e.g. in stage "
            f"'{stage}' (unit {unit}): {fault}. Run the same command again.",
            err=True,
        )
        return FAILED
    tolerance = config.execution.tolerance
    failed = summary.rejected.get(Reason.CAPTION_FAILED, 0)
    if summary.rejected_inputs > tolerance * summary.inputs:
        what = f"{summary.rejected_inputs} of {summary.inputs} input files were rejected"
    elif failed > tolerance * summary.clips:
        what = f"{failed} captions of {summary.clips} clips failed"
    else:
        return DONE
    click.echo(
        f"cliploom: {what}, more than execution.tolerance = {tolerance:g} bears: exit code {PARTIAL}. "
        "The table `rejected` and the report say why.",
        err=True,
    )
    return PARTIAL

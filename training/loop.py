"""The training loop: load, step, log, save."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from training.batch import Batch
from training.checkpoints.state import Progress
from training.config import TrainConfig
from training.data import BatchLoader
from training.logs.metrics import MetricsLog
from training.step import Trainee, train_step
from training.together import together


def run_steps(
    config: TrainConfig,
    trainee: Trainee,
    loader: BatchLoader,
    metrics: MetricsLog,
    progress: Progress,
    *,
    due: Callable[[int], bool],
    save: Callable[[Progress], None],
    interrupted: Callable[[], bool],
) -> Progress:
    """Train from `progress` to the last step, or to the end of the step in which a signal came.

    `due` says after which steps to save. There is a checkpoint of the progress that is returned.

    Raises:
        NonFiniteLossError: a loss or gradient is no number; no checkpoint holds what came of it.
    """
    saved = progress
    while progress.step < config.steps:
        batch, waited_s = together(trainee.ranks, partial(_next_batch, loader, interrupted))
        if trainee.ranks.any(batch is None or interrupted()):
            break
        assert batch is not None

        result = train_step(config, trainee, batch, progress.step + 1)
        progress = progress.after(batch, config.batch_size)
        metrics.step(progress, batch, result, waited_s)

        if due(progress.step):
            save(progress)
            saved = progress
    if progress is not saved:
        save(progress)
    return progress


def _next_batch(loader: BatchLoader, interrupted: Callable[[], bool]) -> tuple[Batch | None, float]:
    """A batch, and how long this process waited for it in seconds."""
    since = time.monotonic()
    return loader.next_batch(give_up=interrupted), time.monotonic() - since

"""The training loop: load, step, log, save."""

from __future__ import annotations

import time
from collections.abc import Callable

from training.config import TrainConfig
from training.data import BatchLoader
from training.metrics import MetricsLog
from training.state import Progress
from training.step import Trainee, train_step


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
        waiting_since = time.monotonic()
        batch = loader.next_batch(give_up=interrupted)
        if trainee.ranks.any(batch is None or interrupted()):
            break
        assert batch is not None
        waited_s = time.monotonic() - waiting_since

        result = train_step(config, trainee, batch, progress.step + 1, waited_s)
        progress = progress.after(batch, result.samples)
        metrics.step(progress, batch, result)

        if due(progress.step):
            save(progress)
            saved = progress
    if progress is not saved:
        save(progress)
    return progress

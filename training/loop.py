"""The training loop: load, step, log, save."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn, optim

from training.augmentation import augment
from training.batch import Batch
from training.config import TrainConfig
from training.data import BatchLoader
from training.metrics import MetricsLog
from training.optimizer import learning_rate, set_learning_rate
from training.state import Progress


class NonFiniteLossError(ValueError):
    """The loss or its gradient is no number any more; the weights are still those of the step before."""


@dataclass(frozen=True)
class Trainee:
    """What a step changes."""

    model: nn.Module
    optimizer: optim.Optimizer


@dataclass(frozen=True)
class StepResult:
    """What a step gave. `grad_norm` is taken over all parameters before clipping."""

    loss: float
    terms: Mapping[str, float]
    learning_rate: float
    grad_norm: float


def run_steps(
    config: TrainConfig,
    trainee: Trainee,
    loader: BatchLoader,
    metrics: MetricsLog,
    progress: Progress,
    *,
    save: Callable[[Progress], None],
    interrupted: Callable[[], bool],
) -> Progress:
    """Train from `progress` to the last step, or to the end of the step in which a signal came.

    There is a checkpoint of the progress that is returned.
    """
    saved = progress
    while progress.step < config.steps and not interrupted():
        waiting_since = time.monotonic()
        batch = loader.next_batch(give_up=interrupted)
        if batch is None:
            break
        waited_s = time.monotonic() - waiting_since

        result = train_step(config, trainee, batch, progress.step + 1)
        progress = progress.after(batch)
        metrics.step(progress, batch, result, waited_s)

        if progress.step % config.checkpoint.every_steps == 0:
            save(progress)
            saved = progress
    if progress is not saved:
        save(progress)
    return progress


def train_step(config: TrainConfig, trainee: Trainee, batch: Batch, step: int) -> StepResult:
    """One update of the weights.

    Raises:
        NonFiniteLossError: before anything was changed, with the keys of the batch.
    """
    rate = learning_rate(step, config.steps, config.optimizer.peak_learning_rate, config.schedule)
    set_learning_rate(trainee.optimizer, rate)

    video_uint8 = batch.video_uint8.to(config.device, non_blocking=True)
    video = augment(video_uint8, batch.draws, config.data.augmentation, config.model.size_px)
    terms = trainee.model(video, batch.draws)
    loss = torch.stack(list(terms.values())).sum()

    trainee.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(trainee.model.parameters(), config.optimizer.max_grad_norm)
    if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
        raise NonFiniteLossError(
            f"Step {step}: loss {loss.item()}, gradient norm {norm.item()}. Lower "
            f"optimizer.peak_learning_rate = {config.optimizer.peak_learning_rate} or look at the batch: "
            f"{', '.join(batch.keys)}"
        )
    trainee.optimizer.step()
    values = {name: term.item() for name, term in terms.items()}
    return StepResult(loss=loss.item(), terms=values, learning_rate=rate, grad_norm=norm.item())

"""One training step: targets, loss, gradients, update, and what all processes say of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.batch import Batch
from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.engine import Engine, NonFiniteGradientError
from training.engines.ranks import Ranks
from training.errors import NonFiniteLossError
from training.objectives.objective import Objective
from training.randomness import step_seed


@dataclass(frozen=True, kw_only=True)
class Trainee:
    """What a step works with: an objective with its model, the engine that runs it, the processes."""

    objective: Objective[Any]
    engine: Engine
    ranks: Ranks
    arithmetic: BatchArithmetic


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """What a step gave. `terms` are of this process's clips; `grad_norm` is that of all, before clipping."""

    terms: Mapping[str, float]
    learning_rate: float
    grad_norm: float


def train_step(config: TrainConfig, trainee: Trainee, batch: Batch, step: int) -> StepResult:
    """One update of the weights. All processes call it together, each with its part of the batch.

    Raises:
        NonFiniteLossError: on all processes: a loss that is no number on one makes the norm of the gradient
            none on each of them.
    """
    # Dropped paths follow from the step and the process, so a run that goes on draws what it would have.
    torch.manual_seed(step_seed(config.seed, step, trainee.ranks.rank))
    terms = _add_gradients(trainee, batch)
    rate = config.learning_rate(step)
    try:
        norm = trainee.engine.step(rate)
    except NonFiniteGradientError as error:
        raise _stopped(config, trainee, batch, step, f"{_told(terms)}, {error}") from None
    trainee.objective.after_step()
    # Read after the update is under way: a copy from the device waits for what was asked of it before.
    return StepResult(terms=_values(terms), learning_rate=rate, grad_norm=norm)


def _add_gradients(trainee: Trainee, batch: Batch) -> dict[str, Tensor]:
    """Forward and backward, micro-batch by micro-batch; the mean of each term, on the device."""
    accumulation = trainee.arithmetic.accumulation
    sums: dict[str, Tensor] = {}
    for number, part in enumerate(batch.parts(accumulation), start=1):
        video_uint8 = part.video_uint8.to(trainee.ranks.device, non_blocking=True)
        prepared = trainee.objective.prepare(video_uint8, part.draws)
        terms = trainee.objective.terms(trainee.engine.forward, prepared)
        trainee.engine.backward(torch.stack(list(terms.values())).sum(), last=number == accumulation)
        for name, term in terms.items():
            sums[name] = sums.get(name, 0) + term.detach() / accumulation
    return sums


def _values(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """One copy from the device for all terms."""
    return dict(zip(terms, torch.stack(list(terms.values())).tolist(), strict=True))


def _told(terms: Mapping[str, Tensor]) -> str:
    return ", ".join(f"loss {name} {value}" for name, value in _values(terms).items())


def _stopped(config: TrainConfig, trainee: Trainee, batch: Batch, step: int, what: str) -> NonFiniteLossError:
    keys = tuple(key for part in trainee.ranks.gather(list(batch.keys)) for key in part)
    return NonFiniteLossError(
        f"Step {step}: {what}. Lower optimizer.peak_learning_rate = "
        f"{config.optimizer.peak_learning_rate} or look at the batch: {_shortened(keys)}",
        step,
        keys,
    )


def _shortened(keys: tuple[str, ...], most: int = 8) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more

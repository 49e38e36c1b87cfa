"""One training step: targets, loss, gradients, update, and what all processes say of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

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
    """What a step gave, over all processes.

    `grad_norm` is taken before clipping; `waited_s` is that of the process that waited longest for its
    batch; `samples`, `damaged` (so far) and `sources` (samples by data set) are summed up.
    """

    loss: float
    terms: Mapping[str, float]
    learning_rate: float
    grad_norm: float
    waited_s: float
    samples: int
    damaged: int
    sources: Mapping[str, int]


def train_step(
    config: TrainConfig, trainee: Trainee, batch: Batch, step: int, waited_s: float = 0.0
) -> StepResult:
    """One update of the weights. All processes call it together, each with its part of the batch.

    Raises:
        NonFiniteLossError: on all processes.
    """
    # Dropped paths follow from the step and the process, so a run that goes on draws what it would have.
    torch.manual_seed(step_seed(config.seed, step, trainee.ranks.rank))
    terms = _add_gradients(trainee, batch)

    of_all = trainee.ranks.gather(
        {
            "terms": terms,
            "waited_s": waited_s,
            "samples": len(batch),
            "damaged": batch.damaged,
            "sources": dict(batch.sources),
        }
    )
    means = {name: sum(one["terms"][name] for one in of_all) / len(of_all) for name in terms}
    loss = sum(means.values())
    if not math.isfinite(loss):
        raise _stopped(config, trainee, batch, step, f"loss {loss}")

    rate = config.learning_rate(step)
    try:
        norm = trainee.engine.step(rate)
    except NonFiniteGradientError as error:
        raise _stopped(config, trainee, batch, step, f"loss {loss}, {error}") from None
    trainee.objective.after_step()
    return StepResult(
        loss=loss,
        terms=means,
        learning_rate=rate,
        grad_norm=norm,
        waited_s=max(one["waited_s"] for one in of_all),
        samples=sum(one["samples"] for one in of_all),
        damaged=sum(one["damaged"] for one in of_all),
        sources=sum((Counter(one["sources"]) for one in of_all), Counter[str]()),
    )


def _add_gradients(trainee: Trainee, batch: Batch) -> dict[str, float]:
    """Forward and backward, micro-batch by micro-batch; the mean of each term."""
    accumulation = trainee.arithmetic.accumulation
    sums: dict[str, torch.Tensor] = {}
    for number, part in enumerate(batch.parts(accumulation), start=1):
        video_uint8 = part.video_uint8.to(trainee.ranks.device, non_blocking=True)
        prepared = trainee.objective.prepare(video_uint8, part.draws)
        terms = trainee.objective.terms(trainee.engine.forward, prepared)
        trainee.engine.backward(torch.stack(list(terms.values())).sum(), last=number == accumulation)
        for name, term in terms.items():
            sums[name] = sums.get(name, torch.zeros_like(term)) + term.detach()
    # One copy from the device for all terms.
    values = torch.stack(list(sums.values())).tolist()
    return {name: value / accumulation for name, value in zip(sums, values, strict=True)}


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

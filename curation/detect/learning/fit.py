"""Trains the network on composed windows."""

# ruff: noqa: N803 (shape suffixes)

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from curation.base.config import Config
from curation.detect.learning.pool import ShotPool
from curation.detect.learning.sampling import windows
from curation.detect.models.loom import Loom

_EDGE_FRAMES = 12
_EDGE_WEIGHT = 0.3
"""Gaps near a window's ends count less: what surrounds them is out of sight."""

_POSITIVE_WEIGHT = 1.0
_CENTRE_SHARE = 0.3


class FitConfig(Config):
    """How long and how fast the network learns."""

    steps: int = Field(20000, ge=1, description="Optimizer steps")
    batch_size: int = Field(12, ge=1, description="Windows per step")
    window_frames: int = Field(100, ge=32, le=400, description="Frames per window")
    peak_learning_rate: float = Field(2e-3, gt=0, description="AdamW's learning rate at its highest")
    weight_decay: float = Field(1e-2, ge=0, description="AdamW's weight decay")
    seed: int = Field(1, ge=0, description="Seed of weights and windows")
    workers: int = Field(1, ge=0, description="Processes that compose windows")
    max_s: float | None = Field(
        None,
        gt=0,
        description="Seconds after which the learning rate has fallen to nothing, if that is sooner",
    )


@dataclass(frozen=True)
class Progress:
    """Where training stands: mean loss since the last report, windows per second."""

    step: int
    loss: float
    windows_per_s: float
    seconds: float


class _Windows(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    def __init__(self, pool_folder: Path, num_frames: int, seed: int) -> None:
        self._folder, self._num_frames, self._seed = pool_folder, num_frames, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        info = get_worker_info()
        worker = 0 if info is None else info.id
        for window in windows(ShotPool.open(self._folder), self._num_frames, self._seed, worker):
            yield (
                torch.from_numpy(np.ascontiguousarray(window.frames)),
                torch.from_numpy(window.during),
                torch.from_numpy(window.centre),
            )


def fit(
    pool_folder: Path,
    config: FitConfig,
    report: Callable[[Progress, Loom], None],
    *,
    initial: bytes | None = None,
    every_steps: int = 50,
) -> Loom:
    """A trained network: the running average of the weights, in evaluation mode.

    `initial` are weights (safetensors) to go on from instead of random ones.
    `report` is called every `every_steps` steps and at the end with the average so far.
    """
    torch.manual_seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Loom()
    if initial is not None:
        model.load_state_dict(safetensors.torch.load(initial))
    model.to(device)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.peak_learning_rate, weight_decay=config.weight_decay
    )
    data = DataLoader(
        _Windows(pool_folder, config.window_frames, config.seed),
        batch_size=config.batch_size,
        num_workers=config.workers,
        # A forked process inherits locks of OpenCV's threads.
        multiprocessing_context="spawn" if config.workers else None,
        prefetch_factor=8 if config.workers else None,
    )
    started = last = time.perf_counter()
    losses: list[float] = []
    for step, batch in enumerate(data, start=1):
        done = _done(step, time.perf_counter() - started, config)
        for group in optimizer.param_groups:
            group["lr"] = config.peak_learning_rate * _schedule(done)
        loss = _step(model, optimizer, [each.to(device) for each in batch])
        losses.append(loss)
        _follow(average, model, step)
        if step % every_steps == 0 or done >= 1:
            now = time.perf_counter()
            rate = len(losses) * config.batch_size / (now - last)
            report(Progress(step, float(np.mean(losses)), rate, now - started), average)
            losses, last = [], time.perf_counter()
        if done >= 1:
            break
    return average


def _done(step: int, seconds: float, config: FitConfig) -> float:
    by_time = 0.0 if config.max_s is None else seconds / config.max_s
    return max(step / config.steps, by_time)


def _schedule(done: float) -> float:
    """Up over the first twentieth, then half a cosine down."""
    if done < 0.05:
        return max(0.02, done / 0.05)
    return float(0.5 + 0.5 * np.cos(np.pi * min(1.0, (done - 0.05) / 0.95)))


def _step(model: Loom, optimizer: torch.optim.Optimizer, batch: list[Tensor]) -> float:
    frames, during, centre = batch
    model.train()
    with torch.autocast(frames.device.type, torch.bfloat16):
        during_logits, centre_logits = model(frames)
    loss = _loss(during_logits, during) + _CENTRE_SHARE * _loss(centre_logits, centre)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _loss(logits_BT: Tensor, labels_BT: Tensor) -> Tensor:
    weights = torch.ones_like(labels_BT)
    weights[:, :_EDGE_FRAMES] = weights[:, -_EDGE_FRAMES:] = _EDGE_WEIGHT
    weights = weights * (1 + (_POSITIVE_WEIGHT - 1) * labels_BT)
    loss = functional.binary_cross_entropy_with_logits(logits_BT, labels_BT, reduction="none")
    return (loss * weights).sum() / weights.sum()


@torch.no_grad()
def _follow(average: Loom, model: Loom, step: int) -> None:
    """Exponential average of the weights that forgets faster in the beginning."""
    decay = min(0.998, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)

"""The real loop over batches from memory and from shards, and a whole run of `train`."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.trainer_student import Setting, cost, open_trainee
from training.batch import Batch
from training.checkpoints.state import Progress
from training.config import TrainConfig
from training.data import BatchLoader, open_stream
from training.engines.ranks import Ranks
from training.logs.metrics import RATE_WINDOW_STEPS, LoggingConfig, MetricsLog, Note, StepLog, Totals
from training.logs.sinks import Sinks
from training.loop import run_steps
from training.result import TrainResult
from training.run import train
from training.step import Trainee

SHORT_SIDE_SHARE = 256 / 224
"""Pixels decoded for each pixel of a crop's side, as in the defaults."""


class Loader(Protocol):
    """What the loop asks of a loader."""

    def next_batch(self, give_up: Callable[[], bool]) -> Batch | None:
        """See `BatchLoader`."""
        ...


class MemoryLoader:
    """Hands out prepared batches in turn."""

    def __init__(self, batches: Sequence[Batch]) -> None:
        self._batches = batches
        self._next = 0

    def next_batch(self, give_up: Callable[[], bool]) -> Batch:
        """The next batch, at once."""
        batch = self._batches[self._next % len(self._batches)]
        self._next += 1
        return batch


@dataclass
class Source:
    """Where batches come from, and what each turn gave."""

    loader: Loader
    samples_per_s: list[float] = field(default_factory=list)
    data_wait: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """Medians and extremes."""
        return {
            "samples_per_s": round(statistics.median(self.samples_per_s), 2),
            "samples_per_s_low": round(min(self.samples_per_s), 2),
            "samples_per_s_high": round(max(self.samples_per_s), 2),
            "data_wait_share": round(statistics.median(self.data_wait), 4),
            "data_wait_share_high": round(max(self.data_wait), 4),
        }


def from_memory_and_shards(
    setting: Setting, url: str, ranks: Ranks, *, decode_threads: int, steps: int, turns: int
) -> dict[str, dict[str, float]]:
    """The student alone in the real loop, in turns from memory and from shards.

    Before each turn steps are made that do not count: those that the loader had time to read ahead for.
    """
    config = loop_config(setting, url, decode_threads)
    trainee = open_trainee(setting, ranks)
    stream = open_stream(config.data, seed=0, batch_size=config.batch_size)
    loader = BatchLoader(
        stream,
        config.data,
        batch_size=config.batch_size,
        num_frames=setting.encoder.num_frames,
        seed=0,
        device=ranks.device,
    )
    with closing(loader):
        kept = [batch for _ in range(2) if (batch := loader.next_batch(give_up=lambda: False)) is not None]
        sources = {"memory": Source(MemoryLoader(kept)), "shards": Source(loader)}
        ahead = config.data.prefetch_batches + 2
        for _ in range(turns):
            for source in sources.values():
                _turn(config, trainee, source.loader, ahead, setting)
                totals = _turn(config, trainee, source.loader, steps, setting)
                source.samples_per_s.append(totals.samples_per_s)
                source.data_wait.append(totals.data_wait_share)
    return {name: source.figures() for name, source in sources.items()}


def loop_config(setting: Setting, url: str, decode_threads: int) -> TrainConfig:
    """What the loop reads of a config. The objective is not built from it."""
    return TrainConfig.model_validate(
        {
            "data": {
                "train": url,
                "frame_px": round(setting.size_px * SHORT_SIDE_SHARE),
                "decode_threads": decode_threads,
            },
            "model": setting.encoder.model_dump(),
            "steps": 1_000_000,
            "batch_size": setting.batch_size,
            "logging": {"tensorboard": False},
        }
    )


def _turn(config: TrainConfig, trainee: Trainee, loader: Loader, steps: int, setting: Setting) -> Totals:
    metrics = MetricsLog(
        LoggingConfig(),
        steps=config.steps,
        ranks=trainee.ranks,
        device=trainee.ranks.device,
        sink=Sinks(),
        on_log=None,
        cost=cost(setting),
    )
    with metrics:
        run_steps(
            config.model_copy(update={"steps": steps}),
            trainee,
            loader,  # type: ignore[arg-type]  # BatchLoader is no protocol
            metrics,
            Progress(step=0, samples=0, stream=None),
            due=lambda step: False,
            save=lambda progress: None,
            interrupted=lambda: False,
        )
    return metrics.totals


class Clock:
    """Ends a run by a signal when its time is over; keeps what it logged."""

    def __init__(self, budget_s: float) -> None:
        self._until = time.monotonic() + budget_s
        self.logs: list[StepLog] = []

    def __call__(self, event: StepLog | Note) -> None:
        """Take an event of the run."""
        if not isinstance(event, StepLog):
            return
        self.logs.append(event)
        if time.monotonic() > self._until:
            self._until = float("inf")
            os.kill(os.getpid(), signal.SIGINT)


def train_from_shards(
    setting: Setting, url: str, output: Path, *, device: str, decode_threads: int, budget_s: float
) -> dict[str, Any]:
    """Stage 1 by `train` for some time: the teacher, a moving average of the student, sees all patches."""
    values = loop_config(setting, url, decode_threads).model_dump(mode="json") | {
        "objective": {
            "kind": "distill",
            "teacher": {"kind": "ema", "layers": 6, "precision": setting.precision},
            "mask": {"kind": "random"},
        },
        "engine": {
            "kind": "ddp",
            "precision": setting.precision,
            "micro_batch_size": setting.micro_batch_size,
            "compile": setting.compile,
        },
        "checkpoint": {"every_steps": 1_000_000},
        "device": device,
    }
    clock = Clock(budget_s)
    result = train(TrainConfig.model_validate(values), output=str(output), on_log=clock)
    return train_figures(result, clock.logs)


def train_figures(result: TrainResult, logs: Sequence[StepLog]) -> dict[str, Any]:
    """What a run says of itself: as a whole, and where it has run for two windows, in its steady state."""
    figures: dict[str, Any] = {
        "steps": result.step,
        "seconds": result.seconds,
        "samples_per_s": result.samples_per_s,
        "data_wait_share": result.data_wait_share,
    }
    steady = logs[2 * RATE_WINDOW_STEPS :]
    if steady:
        last = steady[-1]
        figures["steady"] = {
            "samples_per_s": statistics.median(log.samples_per_s for log in steady),
            "data_wait_share": statistics.median(log.data_wait_share for log in steady),
            "mfu": last.mfu,
            "mfu_with_teachers": last.mfu_with_teachers,
            "device_memory_bytes": last.device_memory_bytes,
        }
    return figures

"""What a run writes down about itself, gathered from all its processes and written by the first.

OUTPUT/metrics.jsonl    one object per logged step
OUTPUT/tensorboard/     the same for eyes
W&B                     the same, if `logging.wandb` is given
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from curation.base.config import Config, operational
from training.logs.hardware import device_memory_bytes, host_memory_bytes, peak_tflops
from training.logs.wandb_config import WandbConfig

if TYPE_CHECKING:
    import torch

    from training.batch import Batch
    from training.checkpoints.state import Progress
    from training.estimate.cost import Cost
    from training.logs.sinks import Sink
    from training.step import StepResult
    from training.together import Processes

METRICS_FILE = "metrics.jsonl"
RATE_WINDOW_STEPS = 20
TERA = 1e12


class LoggingConfig(Config):
    """What is logged how often, and where to."""

    every_steps: int = operational(1, description="Steps between logged steps.", ge=1)
    tensorboard: bool = operational(True, description="Write TensorBoard event files too.")
    wandb: WandbConfig | None = operational(
        None, description="Log to Weights & Biases too (pip install wandb); null: do not."
    )
    peak_tflops: float | None = operational(
        None,
        description="Peak TFLOP/s of one device without sparsity, the whole of which MFU is a share; null: "
        "that of the GPU's data sheet in bfloat16, and no MFU on a CPU or an unknown GPU.",
        gt=0,
        le=1e6,
    )


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """One logged step, of all processes together.

    `loss` and `terms` are means over the processes. `samples_per_s` and `data_wait_share` (0..1, time spent
    waiting for a batch, of the process that waited most) are taken over the last steps, checkpoints included.
    `mfu` (0..1) is the share of the devices' peak that the student's forward and backward passes took,
    without what activation checkpointing computes again; `mfu_with_teachers` counts the teachers' forward
    passes too; both are None where the peak is not known. `device_memory_bytes` (None on a CPU) and
    `host_memory_bytes` are the most that one process held so far. `sources` has the share of each data set of
    a mixture in the samples since the logged step before. `epoch` is that of the first process's last sample;
    `damaged` counts samples of the data set that others have replaced so far.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    terms: Mapping[str, float]
    learning_rate: float
    grad_norm: float
    samples_per_s: float
    data_wait_share: float
    mfu: float | None
    mfu_with_teachers: float | None
    device_memory_bytes: int | None
    host_memory_bytes: int
    sources: Mapping[str, float]
    damaged: int

    def scalars(self) -> dict[str, float]:
        """Everything that can be drawn as a curve, by name."""
        values: dict[str, float] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                values |= {f"{name}/{key}": part for key, part in value.items()}
            elif value is not None and name not in ("step", "steps"):
                values[name] = value
        return values


@dataclass(frozen=True)
class Note:
    """A sentence for the user that belongs to no step."""

    text: str


OnLog = Callable[[StepLog | Note], None]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """A whole call: samples of all processes; `seconds` from the first wait for data to the end of the last
    step, `waited_s` that this process waited, `loss` of the last logged step."""

    samples: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    loss: float | None = None

    @property
    def samples_per_s(self) -> float:
        """Clips per second of the wall clock."""
        return self.samples / self.seconds if self.seconds else 0.0

    @property
    def data_wait_share(self) -> float:
        """Share of the time spent waiting for batches, 0..1."""
        return self.waited_s / self.seconds if self.seconds else 0.0

    def since(self, earlier: Totals) -> Totals:
        """What came after an earlier state of the same totals."""
        return Totals(
            samples=self.samples - earlier.samples,
            seconds=self.seconds - earlier.seconds,
            waited_s=self.waited_s - earlier.waited_s,
            loss=self.loss,
        )


class MetricsLog:
    """Writes logged steps and hands them to whoever shows them. A context manager.

    Every process of a run has one and calls `step` after each step; the first process writes.
    """

    def __init__(
        self,
        config: LoggingConfig,
        *,
        steps: int,
        ranks: Processes,
        device: torch.device,
        sink: Sink,
        on_log: OnLog | None,
        cost: Cost | None = None,
        samples_before: int = 0,
        damaged_before: int = 0,
    ) -> None:
        """`cost` is that of a clip of the batch; without it there is no MFU. `sink` is that of the first
        process, others have one that writes nothing. `samples_before` and `damaged_before` are what was
        trained on and found damaged before this call."""
        self._config = config
        self._steps = steps
        self._ranks = ranks
        self._device = device
        self._sink = sink
        self._on_log = on_log
        self._cost = cost
        self._samples_before = samples_before
        self._damaged_before = damaged_before
        peak = config.peak_tflops or peak_tflops(device)
        self._peak_flops = peak * TERA * ranks.world_size if peak is not None else None
        self._sources: Counter[str] = Counter()
        self.totals = Totals()
        self._started: float = time.monotonic()
        self._recent: deque[Totals] = deque([self.totals], maxlen=RATE_WINDOW_STEPS + 1)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self._sink.close()

    def step(self, progress: Progress, batch: Batch, result: StepResult, waited_s: float) -> None:
        """Record a finished step, whose batch this process waited `waited_s` for.

        Processes call it together: at logged steps they tell each other what only they know.
        """
        self.totals = Totals(
            samples=progress.samples - self._samples_before,
            seconds=time.monotonic() - self._started,
            waited_s=self.totals.waited_s + waited_s,
            loss=self.totals.loss,
        )
        self._recent.append(self.totals)
        self._sources.update(batch.sources)
        if progress.step % self._config.every_steps and progress.step != self._steps:
            return
        recent = self.totals.since(self._recent[0])
        of_all = self._ranks.gather(
            {
                "terms": dict(result.terms),
                "waited_s": recent.waited_s,
                "sources": dict(self._sources),
                "damaged": batch.damaged,
                "device_memory_bytes": device_memory_bytes(self._device),
                "host_memory_bytes": host_memory_bytes(),
            }
        )
        self._sources.clear()
        log = self._log_of(progress.step, batch.epoch, result, recent, of_all)
        self.totals = replace(self.totals, loss=log.loss)
        if self._ranks.rank == 0:
            self._write(log)

    def _write(self, log: StepLog) -> None:
        self._sink.write(log)
        if self._on_log is not None:
            self._on_log(log)

    def _log_of(
        self,
        step: int,
        epoch: int,
        result: StepResult,
        recent: Totals,
        of_all: Sequence[Mapping[str, Any]],
    ) -> StepLog:
        terms = {name: fmean(one["terms"][name] for one in of_all) for name in result.terms}
        sources = sum((Counter(one["sources"]) for one in of_all), Counter[str]())
        on_devices = [one["device_memory_bytes"] for one in of_all if one["device_memory_bytes"] is not None]
        student, teachers = (self._cost.student_flops, self._cost.teacher_flops) if self._cost else (None, 0)
        recent = replace(recent, waited_s=max(one["waited_s"] for one in of_all))
        return StepLog(
            step=step,
            steps=self._steps,
            epoch=epoch,
            loss=sum(terms.values()),
            terms=terms,
            learning_rate=result.learning_rate,
            grad_norm=result.grad_norm,
            samples_per_s=round(recent.samples_per_s, 3),
            data_wait_share=round(recent.data_wait_share, 4),
            mfu=self._mfu(recent, student),
            mfu_with_teachers=self._mfu(recent, student + teachers if student is not None else None),
            device_memory_bytes=max(on_devices, default=None),
            host_memory_bytes=max(one["host_memory_bytes"] for one in of_all),
            sources={name: round(count / sources.total(), 4) for name, count in sorted(sources.items())},
            damaged=self._damaged_before + sum(one["damaged"] for one in of_all),
        )

    def _mfu(self, recent: Totals, flops_per_sample: float | None) -> float | None:
        if flops_per_sample is None or self._peak_flops is None:
            return None
        return round(recent.samples_per_s * flops_per_sample / self._peak_flops, 4)

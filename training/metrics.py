"""What a run writes down about itself: JSON lines for programs, TensorBoard for eyes.

OUTPUT/metrics.jsonl    one object per logged step
OUTPUT/tensorboard/
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.base.config import Config, operational

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from training.batch import Batch
    from training.loop import StepResult
    from training.state import Progress

METRICS_FILE = "metrics.jsonl"
RATE_WINDOW_STEPS = 20
FLUSH_S = 10


class LoggingConfig(Config):
    """What is logged how often."""

    every_steps: int = operational(1, description="Steps between logged steps.", ge=1)
    tensorboard: bool = operational(True, description="Write TensorBoard event files too.")


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """One logged step. `samples_per_s` and `data_wait_share` (0..1, time spent waiting for a batch)
    are taken over the last steps, checkpoints included; `epoch` is that of the batch's last sample;
    `damaged` counts samples of the data set that others have replaced so far."""

    step: int
    steps: int
    epoch: int
    loss: float
    terms: Mapping[str, float]
    learning_rate: float
    grad_norm: float
    samples_per_s: float
    data_wait_share: float
    damaged: int


@dataclass(frozen=True)
class Note:
    """A sentence for the user that belongs to no step."""

    text: str


OnLog = Callable[[StepLog | Note], None]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """A whole call: `seconds` from the first wait for data to the end of the last step."""

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
    """Writes logged steps to files and hands them to whoever shows them. A context manager.

    A resumed run repeats the steps after its checkpoint, so lines of those steps are dropped first.
    """

    def __init__(
        self, output: Path, config: LoggingConfig, *, steps: int, first_step: int, on_log: OnLog | None
    ) -> None:
        self._config = config
        self._steps = steps
        self._on_log = on_log
        self.totals = Totals()
        self._started: float = time.monotonic()
        self._recent: deque[Totals] = deque([self.totals], maxlen=RATE_WINDOW_STEPS + 1)
        self._metrics = output / METRICS_FILE
        _drop_later_lines(self._metrics, first_step)
        self._tensorboard: SummaryWriter | None = None
        if config.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(
                str(output / "tensorboard"), purge_step=first_step + 1, flush_secs=FLUSH_S
            )

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._tensorboard is not None:
            self._tensorboard.close()

    def step(self, progress: Progress, batch: Batch, result: StepResult, waited_s: float) -> None:
        """Record a finished step; `waited_s` is how long its batch was waited for."""
        self.totals = Totals(
            samples=self.totals.samples + len(batch),
            seconds=time.monotonic() - self._started,
            waited_s=self.totals.waited_s + waited_s,
            loss=result.loss,
        )
        self._recent.append(self.totals)
        if progress.step % self._config.every_steps and progress.step != self._steps:
            return
        recent = self.totals.since(self._recent[0])
        log = StepLog(
            step=progress.step,
            steps=self._steps,
            epoch=batch.draws[-1].epoch,
            loss=result.loss,
            terms=result.terms,
            learning_rate=result.learning_rate,
            grad_norm=result.grad_norm,
            samples_per_s=round(recent.samples_per_s, 3),
            data_wait_share=round(recent.data_wait_share, 4),
            damaged=batch.damaged,
        )
        with open(self._metrics, "a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(log)) + "\n")
        self._write_tensorboard(log)
        if self._on_log is not None:
            self._on_log(log)

    def _write_tensorboard(self, log: StepLog) -> None:
        if self._tensorboard is None:
            return
        values = {"loss": log.loss, "learning_rate": log.learning_rate, "grad_norm": log.grad_norm}
        values |= {"samples_per_s": log.samples_per_s, "data_wait_share": log.data_wait_share}
        values |= {f"terms/{name}": value for name, value in log.terms.items()}
        for name, value in values.items():
            self._tensorboard.add_scalar(name, value, log.step)


def _drop_later_lines(path: Path, last_step: int) -> None:
    """Keep the lines up to a step; a line that a kill cut short goes too."""
    if not path.exists():
        return
    kept = list(_lines_until(path.read_text(encoding="utf-8").splitlines(), last_step))
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    temporary.replace(path)


def _lines_until(lines: Iterable[str], last_step: int) -> Iterable[str]:
    for line in lines:
        try:
            step = json.loads(line)["step"]
        except ValueError:
            continue
        if step <= last_step:
            yield line

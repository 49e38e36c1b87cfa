"""Where logged steps are written to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from training.logs.metrics import METRICS_FILE, LoggingConfig, StepLog

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD_FOLDER = "tensorboard"
FLUSH_S = 10


class Sink(Protocol):
    """Takes logged steps, in order."""

    def write(self, log: StepLog) -> None:
        """Keep a logged step."""
        ...

    def close(self) -> None:
        """Write out what is still held back."""
        ...


class Sinks:
    """Several as one; none at all for a process that writes nothing."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._sinks = sinks

    def write(self, log: StepLog) -> None:
        """Hand a step to each."""
        for sink in self._sinks:
            sink.write(log)

    def close(self) -> None:
        """Close each."""
        for sink in self._sinks:
            sink.close()


class JsonLines:
    """One line per step. A resumed run repeats the steps after its checkpoint, so their lines go first."""

    def __init__(self, path: Path, first_step: int) -> None:
        _drop_later_lines(path, first_step)
        # Buffered by lines: each is there for a reader, and for good, as soon as it is written.
        self._lines = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def write(self, log: StepLog) -> None:
        """Append a line."""
        self._lines.write(json.dumps(asdict(log)) + "\n")

    def close(self) -> None:
        """Let go of the file."""
        self._lines.close()


class TensorBoard:
    """Event files for `tensorboard --logdir`; steps that are repeated are purged."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: SummaryWriter = SummaryWriter(
            str(folder), purge_step=first_step + 1, flush_secs=FLUSH_S
        )

    def write(self, log: StepLog) -> None:
        """Add a point to each curve."""
        for name, value in log.scalars().items():
            self._writer.add_scalar(name, value, log.step)

    def close(self) -> None:
        """Flush and close the event file."""
        self._writer.close()


def open_sinks(
    output: Path, config: LoggingConfig, *, first_step: int, name: str, settings: Mapping[str, Any]
) -> Sink:
    """What `config` asks for, in a run's folder; for the first process of a run only.

    `name` and `settings` (the run's config as JSON values) are shown by W&B.

    Raises:
        ValueError: W&B is asked for, but not installed, not logged in or not reached.
    """
    sinks: list[Sink] = [JsonLines(output / METRICS_FILE, first_step)]
    if config.tensorboard:
        sinks.append(TensorBoard(output / TENSORBOARD_FOLDER, first_step))
    if config.wandb is not None:
        from training.logs.wandb_sink import WandbSink

        sinks.append(WandbSink(output, config.wandb, name=name, settings=settings))
    return Sinks(sinks)


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
            values = json.loads(line)
        except ValueError:
            continue
        step = values.get("step") if isinstance(values, dict) else None
        if isinstance(step, int) and step <= last_step:
            yield line

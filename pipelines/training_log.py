"""Training on the screen: one line that moves on a terminal, one plain line every few seconds else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from training.metrics import Note, StepLog

LINE_EVERY_S = 5.0


class TrainingLog:
    """Shows logged steps; a context manager that leaves the terminal on a line of its own."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._terminal = sys.stderr.isatty()
        self._last = 0.0
        self._open_line = False

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self._end_line()

    def __call__(self, log: StepLog | Note) -> None:
        """Show a step, or a note."""
        if isinstance(log, Note):
            self._end_line()
            self._say(log.text)
            return
        now = time.monotonic()
        last = log.step == log.steps
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{_line(log)}")
            sys.stderr.flush()
            self._open_line = True
        elif last or now - self._last >= LINE_EVERY_S:
            self._last = now
            self._say(_line(log))

    def _end_line(self) -> None:
        if self._open_line:
            sys.stderr.write("\n")
            self._open_line = False


def _line(log: StepLog) -> str:
    return (
        f"train step {log.step}/{log.steps}  loss {log.loss:.4f}  lr {log.learning_rate:.2e}  "
        f"grad {log.grad_norm:.2f}  {log.samples_per_s:.1f} samples/s  data wait {log.data_wait_share:.0%}"
    )

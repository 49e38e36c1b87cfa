"""How a run looks while it goes on: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

from training.logs.metrics import Note, StepLog

PLAIN_EVERY_S = 5.0
WIDTH_WITHOUT_BAR = 98
WIDE = 108
"""Columns that the figures take, and from where on there is room for a bar before them."""


class TrainingProgress:
    """Shows what `train` reports; use as a context manager and pass it as `on_log`."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._stream = stream
        self._shown_at = float("-inf")
        self._bar: Progress | None = None
        if stream.isatty():
            console = Console(file=stream)
            bar = [BarColumn(bar_width=console.width - WIDTH_WITHOUT_BAR)] if console.width >= WIDE else []
            figures = TextColumn("{task.description}", markup=False)
            self._bar = Progress(
                *bar, MofNCompleteColumn(), TimeRemainingColumn(compact=True), figures, console=console
            )
            self._task = self._bar.add_task("waiting for the first batch", total=None)

    def __enter__(self) -> TrainingProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            if self._bar.tasks[0].total is None:
                self._bar.update(self._task, visible=False)
            self._bar.stop()

    def __call__(self, event: StepLog | Note) -> None:
        """Show one event; plain lines of steps are thinned out, the first and last always come."""
        if isinstance(event, Note):
            self._line(event.text)
        elif self._bar is not None:
            self._bar.update(self._task, completed=event.step, total=event.steps, description=describe(event))
        elif event.step == event.steps or time.monotonic() - self._shown_at >= PLAIN_EVERY_S:
            self._shown_at = time.monotonic()
            self._line(f"step {event.step}/{event.steps} {describe(event)}")

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._stream.write(f"{text}\n")
            self._stream.flush()


def describe(log: StepLog) -> str:
    """A step's figures on one line."""
    damaged = f" {log.damaged} damaged samples replaced" if log.damaged else ""
    mfu = f" MFU {log.mfu:.0%}" if log.mfu is not None else ""
    return (
        f"loss {log.loss:.4f} lr {log.learning_rate:.1e} grad {log.grad_norm:.2f} "
        f"{log.samples_per_s:.1f} samples/s data-wait {log.data_wait_share:.0%}{mfu}{damaged}"
    )

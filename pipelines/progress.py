"""How far a run is: a bar per stage on a terminal, one JSON line every 30 s otherwise."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Protocol

from curation.base.ledger import UnitRow
from pipelines.assess import NodeCounts

LINE_EVERY_S = 30.0


class Progress(Protocol):
    """Told of what stages have to do and of every result."""

    def begin(self, counts: Mapping[str, NodeCounts]) -> None:
        """Stages of a segment with what is already done."""

    def committed(self, row: UnitRow, downstream: list[str]) -> None:
        """A result came in; its outputs are what `downstream` stages have to do."""

    def tick(self) -> None:
        """Time has passed."""

    def close(self) -> None:
        """The run is over."""


class _Counting:
    """What both forms show: per stage inputs known so far, done, rejected."""

    def __init__(self) -> None:
        self.counts: dict[str, NodeCounts] = {}
        self.started = time.monotonic()
        self.initially_done: dict[str, int] = {}

    def begin(self, counts: Mapping[str, NodeCounts]) -> None:
        for name, count in counts.items():
            self.counts[name] = count
            self.initially_done[name] = count.committed + count.rejected

    def committed(self, row: UnitRow, downstream: list[str]) -> None:
        count = self.counts.setdefault(row.stage, NodeCounts())
        count.committed += row.committed
        count.rejected += row.rejected
        count.outputs += row.outputs
        count.inputs = max(count.inputs, count.committed + count.rejected)
        for name in downstream:
            self.counts.setdefault(name, NodeCounts()).inputs += row.outputs

    def per_second(self, name: str) -> float:
        count = self.counts[name]
        fresh = count.committed + count.rejected - self.initially_done.get(name, 0)
        return fresh / max(time.monotonic() - self.started, 1e-9)


class JsonProgress(_Counting):
    """One JSON object on a line of stderr every 30 seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.monotonic()

    def tick(self) -> None:
        """Print a line if one is due."""
        if time.monotonic() - self._last >= LINE_EVERY_S:
            self._last = time.monotonic()
            self._print()

    def close(self) -> None:
        """Nothing to take down: the summary follows."""

    def _print(self) -> None:
        stages = {
            name: {
                "inputs": count.inputs,
                "committed": count.committed,
                "rejected": count.rejected,
                "per_second": round(self.per_second(name), 2),
            }
            for name, count in self.counts.items()
        }
        line = {"event": "progress", "seconds": round(time.monotonic() - self.started, 1), "stages": stages}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


class BarProgress(_Counting):
    """A bar per stage: done, rejected, per second, time left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description:<20}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:>6.0f}/{task.total:<6.0f}"),
            TextColumn("[red]{task.fields[rejected]:>5} rejected[/red]"),
            TextColumn("{task.fields[rate]:>8.1f}/s"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
        )
        self._ids: dict[str, int] = {}
        self._bars.start()

    def begin(self, counts: Mapping[str, NodeCounts]) -> None:
        """Add the stages' bars."""
        super().begin(counts)
        for name in counts:
            if name not in self._ids:
                self._ids[name] = self._bars.add_task(name, total=0, rejected=0, rate=0.0)
        self.tick()

    def tick(self) -> None:
        """Redraw."""
        for name, task in self._ids.items():
            count = self.counts[name]
            self._bars.update(
                task,  # type: ignore[arg-type]
                total=count.inputs,
                completed=count.committed + count.rejected,
                rejected=count.rejected,
                rate=self.per_second(name),
            )

    def close(self) -> None:
        """Leave the bars as they are and give the terminal back."""
        self.tick()
        self._bars.stop()


def make_progress() -> Progress:
    """Bars where stderr is a terminal, JSON lines elsewhere."""
    return BarProgress() if sys.stderr.isatty() else JsonProgress()

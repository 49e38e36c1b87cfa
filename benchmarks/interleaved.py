"""Running contenders in turns (A B A B …), so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Wall and CPU seconds of each repeat (CPU of this process and of children it has waited for)."""

    wall_s: list[float]
    cpu_s: list[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.wall_s)

    def interval_s(self) -> tuple[float, float]:
        """The middle 80 % of the repeats."""
        ordered = sorted(self.wall_s)
        cut = len(ordered) // 10
        return ordered[cut], ordered[-1 - cut]


def interleave(contenders: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Time every contender `repeats` times, in turns."""
    found = {name: Timing([], []) for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            wall, cpu = time.perf_counter(), cpu_seconds()
            run()
            found[name].wall_s.append(time.perf_counter() - wall)
            found[name].cpu_s.append(cpu_seconds() - cpu)
    return found


def cpu_seconds() -> float:
    """CPU time of this process and of its ended children."""
    import os

    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def show(found: Mapping[str, Timing]) -> None:
    """A table of medians with intervals."""
    print(f"{'':<28}{'median s':>10}{'10-90 %':>18}{'CPU s':>9}")
    for name, timing in found.items():
        low, high = timing.interval_s()
        print(
            f"{name:<28}{timing.median_s:>10.3f}{f'{low:.3f}-{high:.3f}':>18}"
            f"{statistics.median(timing.cpu_s):>9.3f}"
        )


def last_line(**figures: object) -> None:
    """The one line of JSON that ends every benchmark."""
    print(json.dumps(figures))

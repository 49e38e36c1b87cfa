"""How fast a student's steps are, in turns with the products of matrices that bound them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from benchmarks.interleaved import Timing, interleave
from benchmarks.trainer_gemm import Gemm
from benchmarks.trainer_student import (
    BareStep,
    Setting,
    flops_per_step,
    free_memory,
    open_trainee,
    synchronise,
)
from training.engines.ranks import Ranks

WINDOW_S = 1.5
"""Steps that are timed together take about so long."""
WARM_UP_STEPS = 2
LEAST_TURNS, MOST_TURNS = 3, 7
GEMM = "gemm"


@dataclass(frozen=True, kw_only=True)
class Speed:
    """A student's steps, turn by turn: TFLOP/s of the model, and as a share of the product's in that turn.

    `peak_bytes` is what the student alone took on a GPU; `first_step_s` includes compiling.
    """

    name: str
    setting: Setting
    tflops: list[float]
    of_gemm: list[float]
    cpu_s_per_step: float
    first_step_s: float
    peak_bytes: int | None

    @property
    def samples_per_s(self) -> float:
        """Clips a second, median of the turns."""
        return statistics.median(self.tflops) * 1e12 / self.setting.flops_per_clip


@dataclass(frozen=True)
class _Warm:
    step: BareStep
    setting: Setting
    step_s: float
    first_step_s: float
    peak_bytes: int | None


def measure(variants: Mapping[str, Setting], ranks: Ranks, budget_s: float) -> list[Speed]:
    """Speeds of variants of one size; where memory is too small, with half as many clips in a pass."""
    wanted = dict(variants)
    while True:
        try:
            return _measured(wanted, ranks, time.monotonic() + budget_s)
        except torch.OutOfMemoryError as error:
            reason = str(error).partition(".")[0]
        # Only here, outside of the handler, is nothing left that holds the model.
        free_memory()
        first = next(iter(wanted.values()))
        smaller = {name: half for name, setting in wanted.items() if (half := setting.halved()) is not None}
        if not smaller:
            print(f"{first.size}: left out, one clip in a pass does not fit ({reason})", flush=True)
            return []
        clips = first.micro_batch_size
        print(f"{first.size}: {clips} clips a pass do not fit, now {clips // 2} ({reason})", flush=True)
        wanted = smaller


def _measured(variants: Mapping[str, Setting], ranks: Ranks, until: float) -> list[Speed]:
    gemm = Gemm(ranks.device, next(iter(variants.values())).precision)
    warm: dict[str, _Warm] = {}
    for name, setting in variants.items():
        try:
            warm[name] = _warmed_up(setting, ranks)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if not setting.compile:
                raise
            print(f"{setting.size}, {name}: left out, torch.compile failed: {str(error).splitlines()[0]}")
    windows = {name: max(1, round(WINDOW_S / each.step_s)) for name, each in warm.items()}
    turn_s = sum(windows[name] * each.step_s for name, each in warm.items()) + _seconds(gemm)
    turns = int(min(MOST_TURNS, max(LEAST_TURNS, (until - time.monotonic()) / turn_s)))
    contenders: dict[str, Callable[[], object]] = {GEMM: gemm}
    contenders |= {name: _window(each.step, windows[name], ranks.device) for name, each in warm.items()}
    found = interleave(contenders, turns)
    limits = [gemm.flops / wall_s / 1e12 for wall_s in found[GEMM].wall_s]
    return [_speed(name, each, windows[name], found[name], limits) for name, each in warm.items()]


def _warmed_up(setting: Setting, ranks: Ranks) -> _Warm:
    device = ranks.device
    free_memory()
    before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    step = BareStep(open_trainee(setting, ranks), setting)
    first_step_s = _seconds(step)
    for _ in range(WARM_UP_STEPS - 1):
        step()
    synchronise(device)
    step_s = _seconds(step)
    peak = torch.cuda.max_memory_allocated(device) - before if device.type == "cuda" else None
    return _Warm(step, setting, step_s, first_step_s, peak)


def _window(step: BareStep, count: int, device: torch.device) -> Callable[[], None]:
    def run() -> None:
        for _ in range(count):
            step()
        synchronise(device)

    return run


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _speed(name: str, warm: _Warm, steps: int, timing: Timing, limits: Sequence[float]) -> Speed:
    work = steps * flops_per_step(warm.setting)
    tflops = [work / wall_s / 1e12 for wall_s in timing.wall_s]
    return Speed(
        name=name,
        setting=warm.setting,
        tflops=tflops,
        of_gemm=[mine / limit for mine, limit in zip(tflops, limits, strict=True)],
        cpu_s_per_step=statistics.median(timing.cpu_s) / steps,
        first_step_s=warm.first_step_s,
        peak_bytes=warm.peak_bytes,
    )

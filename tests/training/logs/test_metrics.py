"""What a run writes down: over all processes, by the first of them, and once per step."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from training.checkpoints.state import Progress
from training.estimate.cost import Cost
from training.logs.hardware import dense_tflops, host_memory_bytes
from training.logs.metrics import LoggingConfig, MetricsLog, StepLog
from training.logs.sinks import JsonLines, Sinks, open_sinks
from training.step import StepResult

CPU = torch.device("cpu")


@dataclass
class Ranks:
    """One process of several, whose others say the same of themselves."""

    rank: int = 0
    world_size: int = 1
    gathered: list[Any] = field(default_factory=list)

    def gather(self, value: Any) -> list[Any]:
        self.gathered.append(value)
        return [value] * self.world_size

    def any(self, flag: bool) -> bool:
        return flag


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.logs: list[StepLog] = []
        self.closed = False

    def write(self, log: StepLog) -> None:
        self.logs.append(log)

    def close(self) -> None:
        self.closed = True


def a_log(step: int, **changes: Any) -> StepLog:
    log = StepLog(
        step=step,
        steps=9,
        epoch=0,
        loss=1.5,
        terms={"pixels": 1.5},
        learning_rate=1e-3,
        grad_norm=0.5,
        samples_per_s=8.0,
        data_wait_share=0.25,
        mfu=None,
        mfu_with_teachers=None,
        device_memory_bytes=None,
        host_memory_bytes=1000,
        sources={"web": 0.75, "own": 0.25},
        damaged=0,
    )
    return replace(log, **changes)


RESULT = StepResult(terms={"middle": 1.25, "final": 0.75}, learning_rate=1e-3, grad_norm=0.5)


def take_steps(log: MetricsLog, *sources: Mapping[str, int], clips: int = 16, before: int = 0) -> None:
    """Steps of so many clips, of which this process has those of `sources`; each was waited for 0.5 s."""
    for number, own in enumerate(sources, start=1):
        batch: Any = SimpleNamespace(epoch=3, sources=own, damaged=3)
        progress = Progress(step=number, samples=before + clips * number, stream=None)
        log.step(progress, batch, RESULT, 0.5)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later, so a step takes one."""
    seconds = iter(range(1000))
    monkeypatch.setattr("training.logs.metrics.time.monotonic", lambda: float(next(seconds)))


def build(ranks: Ranks, sink: Kept, *, steps: int = 4, samples_before: int = 0, **config: Any) -> MetricsLog:
    return MetricsLog(
        LoggingConfig.model_validate(config),
        steps=steps,
        ranks=ranks,
        device=CPU,
        sink=sink,
        on_log=None,
        cost=Cost(student_gmacs=500, teacher_gmacs=3000),
        samples_before=samples_before,
        damaged_before=10,
    )


def test_a_logged_step_has_the_figures_of_all_processes(clock: None) -> None:
    kept = Kept()
    with build(Ranks(world_size=2), kept, samples_before=160, peak_tflops=100.0) as log:
        take_steps(log, {"web": 6, "own": 2}, {"web": 4, "own": 4}, before=160)
    first, second = kept.logs
    assert kept.closed
    assert (first.loss, first.terms, first.grad_norm) == (2.0, {"middle": 1.25, "final": 0.75}, 0.5)
    assert (first.samples_per_s, first.data_wait_share) == (16.0, 0.5)
    assert first.sources == {"own": 0.25, "web": 0.75}
    assert second.sources == {"own": 0.5, "web": 0.5}
    # 10 were known before, and each process found others.
    assert (first.epoch, first.damaged) == (3, 16)
    # 16 clips/s of 3 * 2 * 500 GFLOP, and 2 * 3000 more with the teacher, of 2 * 100 TFLOP/s
    assert first.mfu == pytest.approx(16 * 3e12 / 200e12)
    assert first.mfu_with_teachers == pytest.approx(16 * 9e12 / 200e12)
    assert first.device_memory_bytes is None
    assert 10_000_000 < first.host_memory_bytes <= host_memory_bytes()


def test_processes_differ_in_what_they_see_wait_for_and_take(clock: None) -> None:
    class Uneven(Ranks):
        def gather(self, value: Any) -> list[Any]:
            other = {"terms": {"middle": 2.25, "final": 0.25}, "waited_s": 0.75, "sources": {"web": 2}}
            return [value, {**other, "damaged": 1, "device_memory_bytes": 5_000, "host_memory_bytes": 10**15}]

    kept = Kept()
    with build(Uneven(world_size=2), kept) as log:
        take_steps(log, {"own": 6})
    (told,) = kept.logs
    assert (told.loss, told.terms) == (2.25, {"middle": 1.75, "final": 0.5})
    assert told.data_wait_share == 0.75
    assert told.sources == {"own": 0.75, "web": 0.25}
    assert told.damaged == 14
    assert (told.device_memory_bytes, told.host_memory_bytes) == (5_000, 10**15)
    assert log.totals.loss == 2.25


def test_without_a_peak_or_a_cost_there_is_no_mfu(clock: None) -> None:
    kept = Kept()
    with build(Ranks(), kept) as log:
        take_steps(log, {})
    assert (kept.logs[0].mfu, kept.logs[0].mfu_with_teachers) == (None, None)


def test_only_the_first_process_writes_and_all_exchange_at_the_same_steps(clock: None) -> None:
    for rank in (0, 1):
        ranks, kept = Ranks(rank=rank, world_size=2), Kept()
        with build(ranks, kept, steps=5, every_steps=2) as log:
            take_steps(log, *[{"web": 4}] * 5, clips=4)
        assert len(ranks.gathered) == 3
        assert [one.step for one in kept.logs] == ([2, 4, 5] if rank == 0 else [])
        assert log.totals.samples == 20
        assert log.totals.data_wait_share == 0.5


def test_lines_of_steps_that_are_repeated_go(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = JsonLines(path, first_step=0)
    for step in (1, 2, 3):
        lines.write(a_log(step))
    path.write_text(path.read_text() + '{"step": 4, "lo')
    lines = JsonLines(path, first_step=2)
    lines.write(a_log(3, loss=1.0))
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in written] == [(1, 1.5), (2, 1.5), (3, 1.0)]
    assert written[0]["sources"] == {"web": 0.75, "own": 0.25}
    assert written[0]["mfu"] is None


def test_tensorboard_has_a_curve_for_each_figure_and_none_for_what_is_not_known(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sink = open_sinks(tmp_path, LoggingConfig(), first_step=0, name="a run", settings={})
    sink.write(a_log(1))
    sink.write(a_log(2, loss=1.0, mfu=0.5))
    sink.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    curves = {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert curves["loss"] == [(1, 1.5), (2, 1.0)]
    assert curves["sources/web"] == [(1, 0.75), (2, 0.75)]
    assert curves["terms/pixels"] == [(1, 1.5), (2, 1.5)]
    assert curves["mfu"] == [(2, 0.5)]
    assert "mfu_with_teachers" not in curves
    assert "step" not in curves
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 2


def test_lines_that_are_no_step_do_not_stop_a_resumed_run(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('12\n{"loss": 1}\n{"step": "x"}\n{"step": 1}\n{"step": 2, "lo')
    JsonLines(path, first_step=5).close()
    assert path.read_text() == '{"step": 1}\n'


def test_a_process_without_sinks_writes_nothing(tmp_path: Path) -> None:
    sink = Sinks()
    sink.write(a_log(1))
    sink.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H200", 989),
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA GH200 480GB", None),
        ("NVIDIA B200", 2250),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10G", None),
        ("NVIDIA A10", 125),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362),
        ("NVIDIA GeForce RTX 4090", 165),
        ("Tesla V100-PCIE-16GB", 112),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA H200 MIG 1g.18gb", None),
        ("NVIDIA T1000", None),
    ],
)
def test_peaks_are_known_by_the_whole_name(name: str, tflops: float | None) -> None:
    assert dense_tflops(name) == tflops


def test_configs_and_logs_load_without_torch_and_wandb() -> None:
    code = (
        "import sys, training.logs.metrics, training.logs.progress, training.logs.wandb_config\n"
        "import training.estimate.cost\n"
        "sys.exit(bool({'torch', 'wandb'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0

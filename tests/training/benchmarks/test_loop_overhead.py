"""What the loop costs is measured on equal work, and said as a share of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import loop_overhead
from benchmarks.interleaved import Timing
from benchmarks.loop_overhead import BARE, CASES, LOOP, PREPARED, Case, overhead
from benchmarks.trainer_student import joined

TINY = replace(CASES[-1], steps=2)
DISTILL = Case(name="distill, tiny", model=TINY.model, objective=CASES[1].objective, batch_size=2, steps=1)


@pytest.mark.parametrize("case", [TINY, DISTILL], ids=lambda case: case.name)
def test_all_contenders_make_the_same_steps(case: Case, tmp_path: Path) -> None:
    with joined("cpu") as ranks:
        found = loop_overhead.compare(case, ranks, tmp_path, turns=1)
    assert set(found) == {BARE, PREPARED, LOOP}
    (metrics,) = tmp_path.glob("*/metrics.jsonl")
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == list(range(1, case.steps + 2))


def test_other_work_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_overhead, "set_learning_rate", lambda optimizer, rate: None)
    with joined("cpu") as ranks, pytest.raises(SystemExit, match="differs between the contenders"):
        loop_overhead.compare(_with_warm_up(TINY, monkeypatch), ranks, tmp_path, turns=1)


def _with_warm_up(case: Case, monkeypatch: pytest.MonkeyPatch) -> Case:
    values = case.config().model_dump() | {"schedule": {"warmup_steps": 10}}
    config = type(case.config()).model_validate(values)
    monkeypatch.setattr(Case, "config", lambda self: config)
    return case


def test_overhead_is_taken_turn_by_turn() -> None:
    base, loop = Timing([], [1.0, 2.0, 4.0]), Timing([], [1.1, 2.0, 4.8])
    assert overhead(loop, base) == {"median": 0.1, "low": 0.0, "high": 0.2}


def test_equal_weights_are_told_from_unequal() -> None:
    one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    with pytest.raises(SystemExit, match="weight differs"):
        loop_overhead._check_equal(TINY, one, other)

"""Whole runs of distillation: interrupted, continued, and with kept targets."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import tiny_values
from training.config import TrainConfig
from training.logs.metrics import Note, StepLog
from training.objectives import distillation
from training.run import train

MODEL = {"tubelet_frames": 1, "pool_heads": 2, "pool_width": 16}


def config(shards: str, objective: dict[str, Any], **data: Any) -> TrainConfig:
    values = tiny_values(shards, model=MODEL, data=data, steps=8)
    return TrainConfig.model_validate(values | {"objective": {"kind": "distill"} | objective})


def stop_at(step: int) -> Callable[[StepLog | Note], None]:
    def stop(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return stop


def logged(output: str) -> list[tuple[float, int]]:
    lines = map(json.loads, (Path(output) / "metrics.jsonl").read_text().splitlines())
    return [(line["loss"], line["epoch"]) for line in lines]


def test_a_moving_average_is_continued_bit_for_bit(shards: str, tmp_path: Path) -> None:
    teacher = {"kind": "ema", "momentum": 0.9, "precision": "fp32", "layers": 2}
    own = config(shards, {"teacher": teacher, "mask": {"kind": "random"}})
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    train(own, output=whole)
    assert train(own, output=parts, on_log=stop_at(3)).step == 3
    assert train(own, output=parts).step == 8
    assert logged(parts) == logged(whole)


def test_a_run_with_kept_targets_is_the_run_that_kept_them(
    shards: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = {"kind": "internvideo2", "weights": exported(shards, tmp_path), "layers": 2}
    cache = {"folder": str(tmp_path / "kept"), "views": 2}
    own = config(
        shards,
        {"teacher": teacher, "mask": {"kind": "random"}, "masks_per_view": 2, "target_cache": cache},
        augmentation={"views_per_clip": 2},
    )
    cold, warm = str(tmp_path / "cold"), str(tmp_path / "warm")
    train(own, output=cold)
    # 10 clips, 2 epochs until they repeat, 2 views.
    assert len(list((tmp_path / "kept").rglob("*.safetensors"))) == 40

    def refuse(*arguments: object) -> None:
        raise AssertionError("a teacher was loaded")

    monkeypatch.setattr(distillation, "build_teacher", refuse)
    train(own, output=warm)
    assert logged(warm) == logged(cold)
    assert [epoch for _, epoch in logged(cold)] == [0, 0, 1, 1, 1, 2, 2, 3]


def exported(shards: str, tmp_path: Path) -> str:
    """An encoder of one step, as a folder."""
    from training.checkpoints.export import export

    values = tiny_values(shards, model=MODEL, steps=1, schedule={"warmup_steps": 0})
    result = train(TrainConfig.model_validate(values), output=str(tmp_path / "before"))
    assert result.checkpoint is not None
    export(Path(result.checkpoint), tmp_path / "teacher")
    return str(tmp_path / "teacher")

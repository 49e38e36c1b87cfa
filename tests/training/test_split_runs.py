"""FSDP2 draws the weights of a model that it has split: a run is the one that DDP makes of a whole model."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from tests.training.conftest import tiny_values
from tests.training.fleet import trained
from training.config import TrainConfig
from training.engines import build
from training.logs.metrics import Note, StepLog
from training.run import train

DISTILL = {
    "model": {"tubelet_frames": 1, "pool_heads": 2, "pool_width": 16},
    "objective": {"kind": "distill", "mask": {"kind": "random"}},
}
EMA = {"kind": "ema", "momentum": 0.5, "precision": "fp32", "layers": 2}


def values_of(shards: str, kind: str, tmp_path: Path) -> dict[str, Any]:
    if kind == "pixels":
        return tiny_values(shards, steps=4)
    values = tiny_values(shards, steps=4, model=DISTILL["model"])
    teacher = (
        EMA if kind == "ema" else {"kind": "internvideo2", "weights": exported(shards, tmp_path), "layers": 2}
    )
    return values | {"objective": DISTILL["objective"] | {"teacher": teacher}}


def exported(shards: str, tmp_path: Path) -> str:
    """An encoder of one step, as a folder."""
    from training.checkpoints.export import export

    values = tiny_values(shards, model=DISTILL["model"], steps=1, schedule={"warmup_steps": 0})
    result = train(TrainConfig.model_validate(values), output=str(tmp_path / "before"))
    assert result.checkpoint is not None
    export(Path(result.checkpoint), tmp_path / "teacher")
    return str(tmp_path / "teacher")


def losses(output: Path) -> list[tuple[float, float]]:
    lines = (output / "metrics.jsonl").read_text().splitlines()
    return [(row["loss"], row["grad_norm"]) for row in map(json.loads, lines)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pixels", "ema", "internvideo2"])
def test_two_processes_split_and_whole_make_the_same_run(shards: str, tmp_path: Path, kind: str) -> None:
    values = values_of(shards, kind, tmp_path)
    for engine in ("ddp", "fsdp2"):
        trained(values | {"engine": {"kind": engine}}, str(tmp_path / engine), 2)
    assert len(losses(tmp_path / "ddp")) == 4
    for whole, split in zip(losses(tmp_path / "ddp"), losses(tmp_path / "fsdp2"), strict=True):
        assert split == pytest.approx(whole, rel=1e-4)


@pytest.mark.parametrize("kind", ["pixels", "ema"])
def test_a_model_has_no_memory_before_it_is_split_and_is_continued(
    shards: str, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    original = build.build_engine

    def watched(engine: Any, optimizer: Any, model: nn.Module, *others: Any) -> Any:
        seen.append(all(weight.is_meta for weight in model.parameters()))
        return original(engine, optimizer, model, *others)

    def stop(event: StepLog | Note) -> None:
        if isinstance(event, StepLog) and event.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(build, "build_engine", watched)
    values = values_of(shards, kind, tmp_path)
    train(TrainConfig.model_validate(values), output=str(tmp_path / "whole"))
    split = TrainConfig.model_validate(values | {"engine": {"kind": "fsdp2"}})
    assert train(split, output=str(tmp_path / "split"), on_log=stop).step == 2
    assert train(split, output=str(tmp_path / "split")).step == 4
    assert seen == [False, True, True]
    for one, other in zip(losses(tmp_path / "split"), losses(tmp_path / "whole"), strict=True):
        assert one == pytest.approx(other, rel=1e-4)

"""Configs load without torch and refuse what cannot work, with both numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.training.conftest import tiny_values
from training.checkpoints.resume import config_hash
from training.config import TrainConfig

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "train" / "stage1_tiny_cpu.yaml"


def test_configs_and_entry_points_load_without_torch() -> None:
    code = (
        "import sys, training.config, training.run, training.logs.progress; sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"model": {"size_px": 50}}, ["size_px = 50", "patch_px = 8", "48"]),
        ({"model": {"num_frames": 5}}, ["num_frames = 5", "tubelet_frames = 2", "4"]),
        ({"model": {"width": 40}}, ["width = 40", "16"]),
        ({"model": {"heads": 3}}, ["width = 32", "heads = 3"]),
        ({"objective": {"mask_ratio": 0.01}}, ["mask_ratio = 0.01", "0 of the 16"]),
        ({"schedule": {"warmup_steps": 12}}, ["warmup_steps = 12", "steps = 12"]),
        ({"schedule": {"final_learning_rate": 0.1}}, ["0.1", "peak_learning_rate = 0.001"]),
        ({"batch_size": 0}, ["batch_size", "greater than or equal to 1"]),
        ({"data": {"shards": "x"}}, ["data.shards", "Extra inputs"]),
        ({"data": {"mixture": {"a": {"urls": "y"}}}}, ["both of train and mixture given"]),
        ({"data": {"mixture": {"a": {"urls": "y", "weight": -1}}}}, ["data.mixture.a.weight"]),
        ({"data": {"mixture": {"a": {"urls": "y", "split": ""}}}}, ["data.mixture.a.split"]),
        ({"data": {"mixture": {"a.b": {"urls": "y"}}}}, ["data.mixture", "a.b", "pattern"]),
        ({"data": {"train": None, "mixture": {}}}, ["data.mixture", "at least 1 item"]),
        (
            {"data": {"mixture": {"a": {"urls": "y", "schedule": [{"from_step": -1, "weight": 1}]}}}},
            ["data.mixture.a.schedule.0.from_step"],
        ),
        ({"data": {"train": None, "follow": True, "mixture": {"a": {"urls": "y"}}}}, ["follow = True"]),
        ({"data": {"train": None, "epoch_remainder": "drop", "mixture": {"a": {"urls": "y"}}}}, ["drop"]),
        ({"data": {"train": None, "split": "val", "mixture": {"a": {"urls": "y"}}}}, ["split = val"]),
        ({"data": {"follow": True, "epoch_remainder": "drop"}}, ["follow = true", "drop"]),
    ],
)
def test_what_cannot_work_is_refused_with_both_numbers(changes: dict[str, Any], wanted: list[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        TrainConfig.model_validate(tiny_values("x", **changes))
    for text in wanted:
        assert text in str(refused.value)


def test_missing_shards_are_named_by_key() -> None:
    values = tiny_values("x")
    del values["data"]["train"]
    with pytest.raises(ValidationError, match=r"neither of train and mixture given: set data\.train"):
        TrainConfig.model_validate(values)


def test_a_source_has_a_weight_or_a_schedule_that_rises() -> None:
    def source(**fields: Any) -> TrainConfig:
        values = {"train": None, "mixture": {"web": {"urls": "x", **fields}}}
        return TrainConfig.model_validate(tiny_values("x", data=values))

    changes = [{"from_step": 0, "weight": 2}, {"from_step": 10, "weight": 0.5}]
    mixture = source(schedule=changes).data.mixture
    assert mixture is not None
    assert mixture["web"].weights == ((0, 2.0), (10, 0.5))
    with pytest.raises(ValidationError, match=r"mixture\.web\n.*weight = 1.0 and a schedule"):
        source(weight=1, schedule=changes)
    with pytest.raises(ValidationError, match=r"from_step = 10, 0 must rise"):
        source(schedule=changes[::-1])


def test_every_field_says_what_it_is() -> None:
    def walk(model: Any, path: str) -> None:
        for name, field in model.model_fields.items():
            assert field.description, f"{path}{name}"
            if hasattr(field.annotation, "model_fields"):
                walk(field.annotation, f"{path}{name}.")

    walk(TrainConfig, "")


def test_hash_follows_what_decides_the_outcome_and_nothing_else() -> None:
    base = config_hash(TrainConfig.model_validate(tiny_values("x")))

    def changed(**changes: Any) -> bool:
        return config_hash(TrainConfig.model_validate(tiny_values("x", **changes))) != base

    assert not changed(data={"train": "elsewhere", "decode_threads": 7})
    assert not changed(data={"train": None, "mixture": {"a": {"urls": "x", "weight": 3}}})
    assert not changed(data={"follow": True, "cache": {"max_bytes": 1}})
    assert changed(data={"epoch_remainder": "drop"})
    assert not changed(checkpoint={"every_steps": 1, "keep": 9}, logging={"every_steps": 5}, num_threads=None)
    assert changed(seed=1)
    assert changed(steps=13)
    assert changed(data={"sampling": "uniform"})
    assert changed(objective={"mask_ratio": 0.8})
    assert changed(model={"depth": 3})


def test_example_is_valid_once_shards_are_given() -> None:
    values = yaml.safe_load(EXAMPLE.read_text())
    assert "train" not in values["data"]
    values["data"]["train"] = "RUN/shards"
    config = TrainConfig.model_validate(values)
    assert config.device == "cpu"
    assert config.objective.mask_ratio == 0.9

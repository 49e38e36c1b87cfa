"""The configs in examples/train are valid, and cost what their comments and their papers say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.deepspeed_config import read_deepspeed_config
from training.estimate.dry_run import DryRun, estimate
from training.estimate.text import render
from training.models.student_config import aligned_layers
from training.objectives.distillation_config import DistillationConfig
from training.optimizer import learning_rate

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples" / "train"


def load(name: str) -> TrainConfig:
    values: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())
    assert "train" not in values["data"], "which data is the user's own"
    values["data"]["train"] = "/nowhere/shards"
    return TrainConfig.model_validate(values)


def dry_run(name: str, world_size: int, monkeypatch: pytest.MonkeyPatch) -> DryRun:
    monkeypatch.chdir(ROOT)
    return estimate(load(name), world_size)


def distillation(config: TrainConfig) -> DistillationConfig:
    assert isinstance(config.objective, DistillationConfig)
    return config.objective


def test_every_example_is_one_of_these() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.yaml")) == [
        "stage1_1B_128gpu.yaml",
        "stage1_B_1gpu.yaml",
        "stage1_tiny_cpu.yaml",
    ]


def test_the_tiny_one_needs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    run = dry_run("stage1_tiny_cpu.yaml", 1, monkeypatch)
    assert run.config.device == "cpu"
    # Under a minute on two cores at a few GFLOP per second.
    assert run.flops < 1e12
    assert run.memory.total < 1e9
    assert "hours" not in render(run)


def test_the_small_student_on_one_gpu_is_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """InternVideo2's distillation of its 1B into B/14."""
    run = dry_run("stage1_B_1gpu.yaml", 1, monkeypatch)
    config, objective = run.config, distillation(run.config)
    assert aligned_layers(40, 6, 3.34) == (23, 26, 29, 33, 36, 39)
    assert (objective.teacher.layers, objective.teacher.interval) == (6, 3.34)
    assert run.visible_tokens == 411
    assert run.size.parameters == pytest.approx(102.3e6, rel=1e-3)
    assert run.rate_per_256_clips == pytest.approx(1e-3)
    assert config.steps == 100 * 200_000 // config.batch_size
    assert config.schedule.warmup_steps == 20 * 200_000 // config.batch_size
    assert run.memory.total < 60e9
    assert run.cost.teacher_flops / (run.cost.teacher_flops + run.cost.student_flops) > 0.9


def test_the_large_student_on_128_gpus_is_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """InternVideo2's 1B_pt.sh."""
    run = dry_run("stage1_1B_128gpu.yaml", 128, monkeypatch)
    config, objective = run.config, distillation(run.config)
    assert run.batch == BatchArithmetic(4096, 128)
    assert (run.batch.per_pass, run.batch.accumulation) == (32, 1)
    assert [spec.name for spec in run.teachers.values()] == ["InternVL-C ViT-6B", "VideoMAEv2-g"]
    assert objective.num_frames(config.model) == 16
    assert run.visible_tokens == 8 * 52 + 1
    assert run.size.parameters == pytest.approx(1070.0e6, rel=1e-3)
    factor = config.optimizer.rate_factor(config.batch_size)
    rates = [
        learning_rate(step, config.steps, config.optimizer.peak_learning_rate, config.schedule) * factor
        for step in (config.schedule.warmup_steps, config.steps)
    ]
    assert rates == pytest.approx([2.4e-3, 1.6e-4])
    assert run.cost.teacher_flops / run.cost.student_flops == pytest.approx(11, rel=0.05)
    assert run.memory.total < 78e9


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_deepspeeds_configs_are_taken_as_they_are(stage: int) -> None:
    config = load("stage1_1B_128gpu.yaml")
    merged = read_deepspeed_config(
        str(EXAMPLES / "deepspeed" / f"zero{stage}.json"),
        precision="bf16",
        optimizer=config.optimizer,
        arithmetic=BatchArithmetic(4096, 128),
    )
    assert merged["zero_optimization"]["stage"] == stage
    assert merged["train_micro_batch_size_per_gpu"] == 32
    assert merged["bf16"]["enabled"] is True

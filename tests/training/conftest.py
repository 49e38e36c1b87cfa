"""A small shard set and a model that trains in milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.shard_set import moving_square, write_shards
from training.config import TrainConfig


@pytest.fixture(scope="session")
def videos() -> dict[str, bytes]:
    return {f"clip{number:02d}": moving_square(number) for number in range(10)}


@pytest.fixture(scope="session")
def shards(videos: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_shards(tmp_path_factory.mktemp("set") / "shards", videos, per_shard=4)


def tiny_values(shards: str, **changes: Any) -> dict[str, Any]:
    """A config of 12 steps with batches of 4; `changes` replaces or extends top-level keys."""
    values: dict[str, Any] = {
        "data": {"train": shards, "frame_px": 40, "max_damaged_fraction": 0.2},
        "model": {
            "num_frames": 4,
            "size_px": 32,
            "patch_px": 8,
            "tubelet_frames": 2,
            "width": 32,
            "depth": 2,
            "heads": 2,
            "mlp_width": 64,
            "layer_scale_init": 0.1,
        },
        "objective": {"kind": "pixels", "mask_ratio": 0.75, "decoder": {"width": 32, "depth": 1, "heads": 2}},
        "optimizer": {"peak_learning_rate": 1e-3},
        "schedule": {"warmup_steps": 2},
        "steps": 12,
        "batch_size": 4,
        "checkpoint": {"every_steps": 4},
        "logging": {"tensorboard": False},
        "num_threads": 1,
    }
    for key, value in changes.items():
        known = values.get(key)
        values[key] = known | value if isinstance(known, dict) else value
    return values


@pytest.fixture
def tiny(shards: str) -> Callable[..., TrainConfig]:
    """Builds the tiny config on the small shard set."""

    def build(**changes: Any) -> TrainConfig:
        return TrainConfig.model_validate(tiny_values(shards, **changes))

    return build


@pytest.fixture
def output(tmp_path: Path) -> str:
    return str(tmp_path / "out")

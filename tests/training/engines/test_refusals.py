"""What an engine refuses is told in its terms, before the first step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.conftest import tiny_values
from training.config import TrainConfig
from training.run import train

pytest.importorskip("deepspeed", reason="deepspeed is not installed: the extra `train` brings it")


def test_a_key_that_only_deepspeed_knows_to_be_wrong_is_named(shards: str, tmp_path: Path) -> None:
    config = tmp_path / "zero.json"
    config.write_text(json.dumps({"zero_optimization": {"stage": 1, "nonsense": 3}}))
    values = tiny_values(shards, engine={"kind": "deepspeed", "config": str(config)})
    with pytest.raises(ValueError, match=r"DeepSpeed refuses a section of the JSON: nonsense: .*permitted"):
        train(TrainConfig.model_validate(values), output=str(tmp_path / "out"))
    assert not (tmp_path / "out" / "metrics.jsonl").exists()

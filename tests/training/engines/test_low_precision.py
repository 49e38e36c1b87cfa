"""What no unit test of one part sees: that each objective computes in bf16 on each engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
KINDS = ("ddp", "fsdp2", "zero1", "zero3") if find_spec("deepspeed") else ("ddp", "fsdp2")
LIMIT_S = 300

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("low")
    # Apart from this process: DeepSpeed keeps groups and settings in mind.
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.engines.low_precision", str(folder), *KINDS],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


@pytest.mark.parametrize("objective", ["pixels", "distill"])
def test_every_objective_trains_in_bf16_on_every_engine(results: dict[str, Any], objective: str) -> None:
    expected = pytest.approx(results[f"{objective} ddp"], rel=0.01)
    for kind in KINDS:
        assert results[f"{objective} {kind}"] == expected, kind


@pytest.mark.parametrize("objective", ["pixels", "distill"])
def test_split_models_start_like_whole_ones(results: dict[str, Any], objective: str) -> None:
    assert results[f"{objective} same weights"]

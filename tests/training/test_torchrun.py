"""The command as users start it on several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.training.conftest import tiny_values

COMMAND = Path(sys.executable).parent / "cliploom"
LIMIT_S = 180

pytestmark = pytest.mark.slow


def torchrun(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Two processes of the command, started in a folder."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*command, "--no-python", str(COMMAND), "train", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def test_a_folder_named_training_does_not_shadow_ours(shards: str, tmp_path: Path) -> None:
    shadow = tmp_path / "training"
    shadow.mkdir()
    (shadow / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(tiny_values(shards, steps=6)))
    done = torchrun(tmp_path, "config.yaml", "--output", "out", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["step"], summary["samples"]) == (6, 24)
    # One process speaks for both.
    assert done.stdout.count("{") == 1
    assert done.stderr.count("step 6/6") == 1


def test_what_does_not_fit_is_said_once_and_without_a_traceback_of_ours(shards: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(tiny_values(shards, batch_size=5)))
    done = torchrun(tmp_path, "config.yaml", "--output", "out")
    assert done.returncode
    assert done.stderr.count("batch_size = 5 does not divide by 2 processes") == 1
    assert "training/run.py" not in done.stderr
    assert not (tmp_path / "out" / "checkpoints").exists()

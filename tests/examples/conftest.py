"""The demo's footage, rendered once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_generator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the generator as `make demo` does."""
    command = [sys.executable, "-m", "examples.footage", str(folder), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the demo's videos and `.shots.json`."""
    folder = tmp_path_factory.mktemp("footage") / "videos"
    completed = run_generator(folder)
    assert completed.returncode == 0, completed.stderr
    return folder


@pytest.fixture(scope="session")
def truth(footage: Path) -> dict[str, Any]:
    """What `.shots.json` says of each video."""
    entries = json.loads((footage / ".shots.json").read_text())
    return {name: entry for name, entry in entries.items() if not name.startswith("_")}

"""Running the command as a user does, and comparing what it leaves."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.base.storage import Storage

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = str(ROOT / "examples" / "quickstart.yaml")
COMMAND = [sys.executable, "-c", "from pipelines.cli import main; main()"]


@dataclass(frozen=True)
class Finished:
    """A command that ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def summary(self) -> dict[str, Any]:
        """The last line of stdout as JSON."""
        summary: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return summary


def cliploom(*arguments: str, environment: dict[str, str] | None = None) -> Finished:
    """Run the command to its end; a traceback in its output fails the test."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr[-3000:]
    return Finished(done.returncode, done.stdout, done.stderr)


def run_arguments(inputs: Path | str, output: Path | str, *more: str) -> Sequence[str]:
    """`cliploom run` without training."""
    return (
        "run", QUICKSTART, "--input", str(inputs), "--output", str(output), "--set", "training=", "--json",
        *more,
    )  # fmt: skip


def shard_hashes(run: Path | str) -> dict[str, str]:
    """sha256 of every file below a run's shards folder."""
    storage = Storage(str(run))
    return {
        name: hashlib.sha256(storage.read_bytes(name)).hexdigest()
        for name in storage.list("shards")
        if not name.rsplit("/", 1)[-1].startswith(".")
    }

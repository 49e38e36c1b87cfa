"""A run that is killed at random moments ends in the shards of one that was not.

Eight kills fall while clips are made and captioned, at moments drawn over the time that an undisturbed
run takes; the last two as soon as shards, then the manifest, are being written.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.footage import make_folder
from tests.pipelines.runs import COMMAND, ROOT, cliploom, run_arguments, shard_hashes

KILLS = 10
START_UP_S = 0.7
pytestmark = pytest.mark.slow


def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    footage = make_folder(tmp_path / "videos", 5)
    started = time.monotonic()
    undisturbed = cliploom(*run_arguments(footage, tmp_path / "undisturbed"))
    whole_s = time.monotonic() - started
    assert undisturbed.code == 0, undisturbed.stderr
    output = tmp_path / "killed"
    moments = random.Random(20261121)
    progress = []
    for number in range(KILLS):
        mark = f"{tmp_path.name}-{number}"
        process = subprocess.Popen(
            [*COMMAND, *run_arguments(footage, output)],
            cwd=ROOT,
            env={**os.environ, "CLIPLOOM_TEST_MARK": mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if number < KILLS - 2:
            time.sleep(START_UP_S + moments.uniform(0.0, 0.12) * whole_s)
        else:
            _await(output / ("shards" if number == KILLS - 2 else "shards/manifest.json"), process)
        assert process.poll() is None, f"the run was over before kill {number}: nothing was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _none_left(mark), "worker or decoding processes outlive their killed driver"
        progress.append(_committed(output))
    assert progress == sorted(progress), "a kill lost something that was committed"
    last = cliploom(*run_arguments(footage, output))
    assert last.code == 0, last.stderr
    ignored = ("run_id", "seconds", "executed", "shards_url", "report_url", "log_url")
    assert _without(last.summary, ignored) == _without(undisturbed.summary, ignored)
    assert shard_hashes(output) == shard_hashes(tmp_path / "undisturbed")
    media = {path.name for path in (output / "media").rglob("*") if path.is_file()}
    assert len(media) == len(list((tmp_path / "undisturbed" / "media").rglob("*.tar"))), (
        "stray media are left"
    )


def _await(path: Path, process: subprocess.Popen[bytes]) -> None:
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)


def _committed(output: Path) -> int:
    """Results in the ledger so far."""
    from curation.base.storage import Storage
    from curation.base.tables import Tables

    table = Tables(Storage(str(output))).read("units", columns=["unit"])
    return table.num_rows if table is not None else 0


def _none_left(mark: str) -> bool:
    """Whether every process with a mark in its environment ends within a few seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(_has_mark(path, mark) for path in Path("/proc").glob("[0-9]*/environ")):
            return True
        time.sleep(0.1)
    return False


def _has_mark(environ: Path, mark: str) -> bool:
    try:
        return f"CLIPLOOM_TEST_MARK={mark}".encode() in environ.read_bytes()
    except OSError:
        return False


def _without(summary: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in summary.items() if name not in names}

"""The benchmark of the client runs, and its last line holds what it promises."""

from __future__ import annotations

import json
import subprocess
import sys


def test_the_benchmark_ends_with_its_figures() -> None:
    command = [sys.executable, "-m", "benchmarks.captioning", "--latency", "0.1", "--places", "8"]
    command += ["--in-flight", "8", "--requests", "16", "--repeats", "1", "--frames", "1"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    figures = json.loads(said.splitlines()[-1])
    assert figures["benchmark"] == "captioning"
    assert figures["scripted"]
    assert figures["capacity_per_s"] == 80
    assert 0 < figures["share_of_capacity"] < 1.5
    assert figures["cpu_ms_per_request"]["cliploom"] > 0

"""Training processes that work together, as torchrun would start them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
END_S = 120


class Fleet:
    """Processes that train one model: `lines` are what the first of them prints, step by step."""

    def __init__(self, values: Mapping[str, Any], output: str, size: int) -> None:
        port = _free_port()
        command = [sys.executable, "-m", "tests.training.train_child", json.dumps(values), output]
        shared = {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size), "OMP_NUM_THREADS": "1"}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        self.processes = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(size)
        ]

    @property
    def lines(self) -> Iterator[str]:
        """What the first process prints."""
        out = self.processes[0].stdout
        assert out is not None
        return (line.strip() for line in out)

    def wait_for_step(self, step: int) -> None:
        """Until the first process has printed a step."""
        assert str(step) in self.lines, self.end()

    def signal(self, number: signal.Signals) -> None:
        """Send all processes a signal."""
        for process in self.processes:
            process.send_signal(number)

    def end(self) -> list[tuple[int, str, str]]:
        """Exit status, output and errors of each process."""
        ended = []
        for process in self.processes:
            out, err = process.communicate(timeout=END_S)
            ended.append((process.returncode, out, err))
        return ended


def trained(values: Mapping[str, Any], output: str, size: int) -> list[tuple[int, str, str]]:
    """Train to the end."""
    ended = Fleet(values, output, size).end()
    assert [status for status, _, _ in ended] == [0] * size, ended
    return ended


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port

"""Looking at a served model from outside: whether it works, and which processes it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captioning.client.requests import Model
from captioning.serve.looking import read_load


def wait_until_busy(root: str, within_s: float) -> None:
    """Wait until the server at a URL works on a request."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        load = read_load(root, 10)
        if load is not None and load.running:
            return
        time.sleep(0.02)
    pytest.fail(f"no request arrived within {within_s:.0f} s")


def processes_of(model: Model, within_s: float = 0.0) -> list[int]:
    """The servers' first processes, not their wardens: those that were given the model on the command
    line. They are waited for so long, if there is none."""
    until = time.monotonic() + within_s
    while True:
        found = [
            pid
            for pid, words in _processes()
            if model.name in words and not any(word.endswith("warden.py") for word in words)
        ]
        if found or time.monotonic() > until:
            return found
        time.sleep(0.1)


def address_of(server: int) -> str:
    """The URL of a server's root, by its process."""
    words = dict(_processes())[server]
    return f"http://127.0.0.1:{words[words.index('--port') + 1]}"


def _processes() -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_text(errors="replace").split("\0")

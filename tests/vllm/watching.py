"""Looking at a served model from outside: whether it works, and which processes it is."""

from __future__ import annotations

import time
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


def processes_of(model: Model) -> list[int]:
    """The servers' first processes, not their wardens: those that were given the model on the command
    line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if model.name.encode() in words and not any(word.endswith(b"warden.py") for word in words):
            found.append(int(path.parent.name))
    return found

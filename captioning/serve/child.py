"""A server's process, behind its warden."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from captioning.serve import warden

GRACE_S = 20.0
"""How long a server that was asked to end may take; vLLM drops what it works on and takes a few seconds."""
_WARDEN_S = 15.0
_TAIL_BYTES, _TAIL_LINES, _LINE_CHARS = 16 << 10, 15, 300


class Child:
    """A running command that ends when this process does. Its output is added to a file."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        # The command line holds no secret; the environment does.
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as output:
            output.write(f"\n$ {' '.join(command)}\n".encode())
            output.flush()
            self._start = output.tell()
            self._log = log
            self._warden = subprocess.Popen(
                [sys.executable, "-I", warden.__file__, str(GRACE_S), *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )

    def ended(self) -> str | None:
        """How it ended, in words; None while it runs."""
        status = self._warden.poll()
        if status is None:
            return None
        if status < 0 or status > 128:
            number = -status if status < 0 else status - 128
            with contextlib.suppress(ValueError):
                return f"ended by {signal.Signals(number).name}"
        return f"ended with exit status {status}"

    def stop(self) -> None:
        """Ask it to end, kill it if it does not, and wait; nothing happens if it ended already."""
        assert self._warden.stdin is not None
        self._warden.stdin.close()
        try:
            self._warden.wait(GRACE_S + _WARDEN_S)
        except subprocess.TimeoutExpired:
            self._warden.kill()
            self._warden.wait()

    def note(self, line: str) -> None:
        """Add a line of this process's to the output."""
        with self._log.open("ab") as output:
            output.write(f"[cliploom {time.strftime('%m-%d %H:%M:%S')}] {line}\n".encode())

    def last_lines(self) -> list[str]:
        """The end of what it said, for a message."""
        with self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._start, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return [_shown(line) for line in lines if line.strip()][-_TAIL_LINES:]


def _shown(line: str) -> str:
    text = "".join(char if char.isprintable() else " " for char in line)
    return text if len(text) <= _LINE_CHARS else f"{text[:_LINE_CHARS]}…"

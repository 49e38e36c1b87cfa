"""Stands between this process and a server, so that the server never outlives it.

Run as a script, with nothing but the standard library: `python -I warden.py GRACE_S COMMAND...`. It starts
the command in a session of its own and waits. When its standard input closes, because whoever started it
closed it or died in any way, it asks the command's process group to end, and kills what is left after the
grace. When the command ends by itself, what it left behind is killed, too: an engine process would keep a
GPU's memory. Its exit status is the command's, or 128 and the signal that ended it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_S = 0.1
_SWEEP_S = 10.0


def main(grace_s: float, command: list[str]) -> int:
    """Run a command until it or this process's starter ends; returns the exit status."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Orphans of the command become children of this process, which finds and ends them.
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            # Safe here: there are no other threads.
            preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
        )
    except OSError as error:
        os.write(2, f"{command[0]} cannot be started: {error}\n".encode())
        return 127
    while not _ended(child.pid) and not asked and not _starter_is_gone():
        pass
    # The ended command stays a zombie until `wait`, so that the number of its group cannot be another's.
    if not _ended(child.pid):
        os.killpg(child.pid, signal.SIGTERM)
        until = time.monotonic() + grace_s
        while not _ended(child.pid) and time.monotonic() < until:
            time.sleep(_LOOK_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    status = child.wait()
    _end_orphans()
    return status if status >= 0 else 128 - status


def _ended(pid: int) -> bool:
    """Whether a child has ended; it is left to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _starter_is_gone() -> bool:
    """Waits a moment for standard input to close; nothing is ever written to it."""
    readable, _, _ = select.select([0], [], [], _LOOK_S)
    return bool(readable) and os.read(0, 1) == b""


def _end_orphans() -> None:
    """Kill what the command left outside of its group, and what that leaves."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    until = time.monotonic() + _SWEEP_S
    while time.monotonic() < until:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid:
            continue
        # Not all kernels list children.
        for orphan in children.read_text().split() if children.exists() else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(orphan), signal.SIGKILL)
        time.sleep(_LOOK_S)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))

"""What a child gives up before it touches media. Standard library only: it runs in the child."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from typing import Any

_PR_SET_PDEATHSIG = 1
_CPU_GRACE_S = 5

_libc = ctypes.CDLL(None, use_errno=True)


def leave_group() -> None:
    """Be the leader of an own session, so that killing the group kills all descendants."""
    os.setsid()


def die_with(parent_pid: int) -> None:
    """Be killed when the parent dies (checked against the parent having died just before)."""
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent_pid:
        os._exit(1)


def confine(limits: Mapping[str, Any]) -> None:
    """Apply the limits of a request to this process and all that it starts.

    `limits` holds `address_space_bytes`, `cpu_s`, `file_size_bytes` and `open_files`.
    """
    for name in (signal.SIGXFSZ, signal.SIGPIPE, signal.SIGINT):
        signal.signal(name, signal.SIG_DFL)
    _prefer_for_oom_kill()
    cpu_s = limits["cpu_s"]
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, limits["open_files"])
    _limit(resource.RLIMIT_FSIZE, limits["file_size_bytes"])
    _limit(resource.RLIMIT_CPU, cpu_s, cpu_s + _CPU_GRACE_S)
    _limit(resource.RLIMIT_AS, limits["address_space_bytes"])


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, never above the hard one that is in force."""
    _, ceiling = resource.getrlimit(which)
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(which, (soft, hard))


def _prefer_for_oom_kill() -> None:
    """When the machine runs out of memory, the decoder goes first, not the worker that waits for it."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass

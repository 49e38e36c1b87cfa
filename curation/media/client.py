"""The worker's side of the zygote: starts it, hands it requests, watches the clock."""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from curation.base.stages import Retry
from curation.media.child import REQUEST_LENGTH
from curation.media.zygote import STATUS

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_STATUS_WAIT_S = 10.0


class OverdueError(Exception):
    """A child kept its reader waiting for too long."""


class Ending(NamedTuple):
    """How a child ended: its exit code, or minus the signal that killed it."""

    code: int
    cpu_s: float


class _Server:
    """A running zygote of this process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "curation.media.zygote", str(theirs.fileno()), str(self.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        self.socket = ours

    def alive(self) -> bool:
        """Whether requests of this process can be handed to it."""
        return self.pid == os.getpid() and self.process.poll() is None

    def explain(self) -> None:
        """Raise if it ended by itself, which no second try would mend."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        code = self.process.poll()
        if code is not None and code > 0:
            raise RuntimeError(f"the decoding server (curation.media.zygote) ended with exit code {code}")


_lock = threading.Lock()
_server: _Server | None = None


def _new_lock() -> None:
    """In a forked process: whoever held the lock is not there."""
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


@atexit.register
def _end_server() -> None:
    """Let the server go and wait for it, so that nothing outlives this process."""
    if _server is not None and _server.pid == os.getpid():
        _server.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            _server.process.wait(5.0)


def _environment() -> dict[str, str]:
    """A bare environment: no secrets for a child to find, one thread, few malloc arenas."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(_PACKAGE_ROOT),
        "LC_ALL": "C.UTF-8",
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _running_server() -> _Server:
    global _server
    with _lock:
        if _server is None or not _server.alive():
            _server = _Server()
        return _server


def _hand_over(data: socket.socket, control: socket.socket) -> _Server:
    """Have a child forked that owns these sockets; a server that has just died is replaced once.

    Raises:
        Retry: no server can be reached.
    """
    for _ in range(2):
        server = _running_server()
        try:
            socket.send_fds(server.socket, [b"r"], [data.fileno(), control.fileno()])
        except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):
            server.explain()
        else:
            return server
    raise Retry("the decoding server cannot be reached")


class Request:
    """One operation in a child of its own. Reading from `stream` is on the clock."""

    def __init__(
        self,
        operation: str,
        limits: Mapping[str, Any],
        arguments: Mapping[str, Any],
        *,
        wall_s: float,
        wall_s_per_source_s: float = 0.0,
    ) -> None:
        self.progress_s = 0.0
        self._wall_s = wall_s
        self._wall_s_per_source_s = wall_s_per_source_s
        self._waited_s = 0.0
        self._data, data = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._control, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        request = {"operation": operation, "limits": dict(limits), "arguments": dict(arguments)}
        text = json.dumps(request).encode()
        try:
            with data, control:
                self._server = _hand_over(data, control)
            self._data.sendall(REQUEST_LENGTH.pack(len(text)) + text)
        except BrokenPipeError:
            self.close()
            self._server.explain()
            raise Retry("the decoding child ended before it began") from None
        except BaseException:
            self.close()
            raise
        self.stream = io.BufferedReader(_Timed(self), 1 << 18)

    @property
    def allowed_s(self) -> float:
        """How long the child may keep its reader waiting, given how far it got."""
        return self._wall_s + self._wall_s_per_source_s * self.progress_s

    def receive_into(self, buffer: Any) -> int:
        """Read what has come; 0 at the end.

        Raises:
            OverdueError: nothing came in the time that is left.
        """
        left_s = self.allowed_s - self._waited_s
        if left_s <= 0:
            raise OverdueError
        self._data.settimeout(left_s)
        started = time.monotonic()
        try:
            return self._data.recv_into(buffer)
        except TimeoutError:
            raise OverdueError from None
        except ConnectionResetError:
            return 0
        finally:
            self._waited_s += time.monotonic() - started

    def ending(self) -> Ending:
        """How the child ended, after the stream ended.

        Raises:
            Retry: the server is gone and nobody knows.
        """
        self._control.settimeout(_STATUS_WAIT_S)
        try:
            status = self._control.recv(STATUS.size)
        except TimeoutError:
            raise OverdueError from None
        except ConnectionResetError:
            status = b""
        if len(status) != STATUS.size:
            self._server.explain()
            raise Retry("the decoding server ended while a child was at work")
        return Ending(*STATUS.unpack(status))

    def close(self) -> None:
        """Kill the child if it still runs; safe to call twice."""
        self._control.close()
        self._data.close()


class _Timed(io.RawIOBase):
    def __init__(self, request: Request) -> None:
        self._request = request

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._request.receive_into(buffer)

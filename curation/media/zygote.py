"""The server that forks sandboxed children: `python -m curation.media.zygote SOCKET_FD PARENT_PID`.

A worker is large, has threads and secrets in its environment; forking it to decode would be slow and
unsafe. This small process has av and numpy loaded, one thread and a bare environment, and forks one
child per request within milliseconds.

A request is a message with two descriptors: `data`, on which the child reads what to do and writes
what comes out, and `control`, on which this server writes the child's wait status, and whose closing
by the worker kills the child. The server ends when the worker does, and its children end with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass

from curation.media import jail
from curation.media.child import SETUP_FAILED, preload, run_child

STATUS = struct.Struct("!id")
"""On `control`: the exit code, or minus the signal that killed the child, and its CPU time in seconds."""


@dataclass
class _Job:
    pid: int
    pidfd: int
    control: socket.socket


class _Zygote:
    """Forks and reaps; one thread, one poll loop."""

    def __init__(self, listen: socket.socket, parent_pid: int) -> None:
        self._listen = listen
        self._poll = select.poll()
        self._by_fd: dict[int, _Job] = {}
        self._parent_fd = os.pidfd_open(parent_pid)
        self._poll.register(self._listen, select.POLLIN)
        self._poll.register(self._parent_fd, select.POLLIN)

    def serve(self) -> None:
        """Handle requests until the worker is gone."""
        while True:
            ready = {fd for fd, _ in self._poll.poll()}
            if self._parent_fd in ready:
                return
            # New descriptors come before old ones are closed, so that no number is reused within a round.
            if self._listen.fileno() in ready and not self._accept():
                return
            for fd in ready:
                job = self._by_fd.get(fd)
                if job is None:
                    continue
                if fd == job.pidfd:
                    self._reap(job)
                else:
                    self._kill(job)

    def _accept(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._listen, 16, 2)
        if not message:
            return False
        if len(fds) != 2:
            for fd in fds:
                os.close(fd)
            return True
        data_fd, control_fd = fds
        control = socket.socket(fileno=control_fd)
        try:
            pid = os.fork()
        except OSError:
            control.close()
            os.close(data_fd)
            return True
        if pid == 0:
            _become_child(data_fd)
        os.close(data_fd)
        job = _Job(pid, os.pidfd_open(pid), control)
        for fd in (job.pidfd, control.fileno()):
            self._by_fd[fd] = job
            self._poll.register(fd, select.POLLIN)
        return True

    def _kill(self, job: _Job) -> None:
        """The worker let go of a child. Its end is reported by its pidfd."""
        self._forget(job.control.fileno())
        _kill_group(job.pid)

    def _reap(self, job: _Job) -> None:
        _kill_group(job.pid)
        _, status, usage = os.wait4(job.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            job.control.send(STATUS.pack(code, usage.ru_utime + usage.ru_stime))
        self._forget(job.pidfd)
        if job.control.fileno() in self._by_fd:
            self._forget(job.control.fileno())
        os.close(job.pidfd)
        job.control.close()

    def _forget(self, fd: int) -> None:
        del self._by_fd[fd]
        self._poll.unregister(fd)


def _kill_group(pid: int) -> None:
    """Kill a child that was not reaped yet, with its descendants; its number cannot be another's."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)


def _become_child(data_fd: int) -> None:
    """Run one request with the data socket as the only inherited descriptor; never returns."""
    code = SETUP_FAILED
    try:
        zygote_pid = os.getppid()
        jail.leave_group()
        jail.die_with(zygote_pid)
        os.dup2(data_fd, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        code = run_child(socket.socket(fileno=3))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(code)


def main() -> None:
    """Serve the worker that started this process."""
    listen = socket.socket(fileno=int(sys.argv[1]))
    parent_pid = int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    if os.getppid() == parent_pid:
        _Zygote(listen, parent_pid).serve()


if __name__ == "__main__":
    main()

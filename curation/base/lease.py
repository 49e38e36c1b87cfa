"""The right to commit to a run, held by one process at a time.

A lease is a file `RUN/lease/<epoch>.json` made by a create-only put, so that of two racing writers
exactly one gets an epoch. The holder renews it; a lease that was not renewed for its time to live,
or whose holder is known to be dead, is overtaken by creating the next epoch. Every commit carries
its epoch: a writer that finds a higher one stops (fencing), and readers prefer the higher.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from curation.base.storage import Storage

TIME_TO_LIVE_S = 60.0
RENEW_EVERY_S = 10.0


class LeaseTaken(RuntimeError):
    """Another process is committing to this run."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease. `process` names the process beyond its pid: boot id and start time."""

    host: str
    pid: int
    process: str
    renewed_at: float

    def alive(self, now: float) -> bool:
        """Whether the holder must be presumed at work.

        Only in its own pid namespace can its pid be looked up; two containers may share a host's name.
        """
        if self.process.rsplit(":", 1)[0] == _process_name(os.getpid()).rsplit(":", 1)[0]:
            return _process_name(self.pid) == self.process
        return now - self.renewed_at < TIME_TO_LIVE_S


class Lease:
    """Use as a context manager around everything that commits.

    Raises:
        LeaseTaken: another process holds the run, or won the race for it.
    """

    def __init__(self, storage: Storage, *, force: bool = False) -> None:
        self._storage = storage
        self._force = force
        self._stop = threading.Event()
        self._renewer: threading.Thread | None = None
        self.epoch = 0

    def __enter__(self) -> Lease:
        last, holder = self._newest()
        if holder is not None and not self._force and holder.alive(time.time()):
            raise LeaseTaken(self._message(holder))
        if not self._storage.create(_path(last + 1), self._me()):
            _, winner = self._newest()
            raise LeaseTaken(self._message(winner))
        self.epoch = last + 1
        self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        if self._renewer is not None:
            self._renewer.join()
        # A lease that cannot be given back runs out by itself; an error here would hide the one that
        # ends the run.
        with contextlib.suppress(OSError):
            if not self._storage.exists(_path(self.epoch + 1)):
                self._storage.write_bytes(_path(self.epoch), self._me(renewed_at=0.0, process="released"))

    def check(self) -> None:
        """Make sure that nobody has overtaken this lease.

        Raises:
            LeaseTaken: somebody has; what was not committed must not be.
        """
        if self._storage.exists(_path(self.epoch + 1)):
            _, winner = self._newest()
            raise LeaseTaken(self._message(winner))

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_EVERY_S):
            # One renewal in six is enough; if none gets through, another process may take over and
            # the next commit's check finds that out.
            with contextlib.suppress(OSError):
                self._storage.write_bytes(_path(self.epoch), self._me())

    def _newest(self) -> tuple[int, Holder | None]:
        epochs = [int(Path(name).stem) for name in self._storage.list("lease") if name.endswith(".json")]
        if not epochs:
            return 0, None
        newest = max(epochs)
        return newest, Holder(**json.loads(self._storage.read_bytes(_path(newest))))

    def _me(self, *, renewed_at: float | None = None, process: str | None = None) -> bytes:
        holder = Holder(
            host=socket.gethostname(),
            pid=os.getpid(),
            process=process if process is not None else _process_name(os.getpid()),
            renewed_at=time.time() if renewed_at is None else renewed_at,
        )
        return json.dumps(holder.__dict__).encode()

    def _message(self, holder: Holder | None) -> str:
        who = f"process {holder.pid} on {holder.host}" if holder else "another process"
        return (
            f"{self._storage.url} is being written by {who}. Wait for it to end, or stop it; "
            f"its lease runs out {TIME_TO_LIVE_S:.0f} s after its last sign of life."
        )


def _path(epoch: int) -> str:
    return f"lease/{epoch:08d}.json"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown-boot"


def _process_name(pid: int) -> str:
    """Boot id, pid namespace and start time of a process; empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    fields = stat.rsplit(")", 1)[1].split()
    if fields[0] == "Z":
        return ""
    return f"{_boot_id()}:{namespace}:{fields[19]}"

"""Memory of a run's processes by kind, sampled from /proc while they live."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

EVERY_S = 0.1
PSS_EVERY = 10
"""Proportional sizes are read in every so many rounds: the kernel walks all pages for them."""
DRIVER, WORKER, ZYGOTE, DECODER, FFMPEG, OTHER = "driver", "worker", "zygote", "decoder", "ffmpeg", "other"
WORKER_MODULE, ZYGOTE_MODULE = "pipelines.executors.worker", "curation.media.zygote"
FAMILY = "worker + children"


@dataclass
class Peak:
    """The most that processes of a kind held: `hwm` by the kernel's own high-water mark of the largest;
    `rss` of the largest (or of a worker and its children, summed) in a sample; `pss` the same with each
    page shared out among those who map it. Bytes; `at_s` is when `rss` was seen, seconds since 1970."""

    processes: set[int] = field(default_factory=set)
    hwm: int = 0
    rss: int = 0
    pss: int = 0
    at_s: float = 0.0

    def saw(self, pid: int, rss: int, pss: int, hwm: int = 0) -> None:
        """Take in one sample."""
        self.processes.add(pid)
        self.hwm, self.pss = max(self.hwm, hwm), max(self.pss, pss)
        if rss > self.rss:
            self.rss, self.at_s = rss, time.time()


@dataclass(frozen=True)
class _Process:
    pid: int
    parent: int
    kind: str
    hwm: int
    rss: int
    pss: int


class MemorySampler:
    """Samples a process and all that stem from it, from `with` to its end; `peaks` holds what was seen.

    A sum over a worker and its children counts pages that they share once for each of them in `rss`.
    """

    def __init__(self, pid: int) -> None:
        self.peaks: dict[str, Peak] = defaultdict(Peak)
        self.rounds = 0
        self._root = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> MemorySampler:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._sample(with_pss=self.rounds % PSS_EVERY == 0)
            self.rounds += 1

    def _sample(self, *, with_pss: bool) -> None:
        processes = {process.pid: process for process in _descendants(self._root, with_pss)}
        families: dict[int, list[_Process]] = defaultdict(list)
        for process in processes.values():
            self.peaks[process.kind].saw(process.pid, process.rss, process.pss, process.hwm)
            worker = _worker_of(process, processes)
            if worker is not None:
                families[worker].append(process)
        for worker, members in families.items():
            rss, pss = sum(each.rss for each in members), sum(each.pss for each in members)
            self.peaks[FAMILY].saw(worker, rss, pss)


def _worker_of(process: _Process, processes: dict[int, _Process]) -> int | None:
    """The worker that a process belongs to, itself included."""
    at: _Process | None = process
    while at is not None:
        if at.kind == WORKER:
            return at.pid
        at = processes.get(at.parent)
    return None


def _descendants(root: int, with_pss: bool) -> Iterator[_Process]:
    open_pids = [(root, 0, "")]
    while open_pids:
        pid, parent, parent_kind = open_pids.pop()
        # A process may end at any point while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            folder = Path(f"/proc/{pid}")
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            sizes = _sizes(folder / "status")
            if "VmRSS" not in sizes:
                continue
            kind = DRIVER if pid == root else _kind(command, parent_kind)
            pss = _sizes(folder / "smaps_rollup").get("Pss", 0) if with_pss else 0
            yield _Process(pid, parent, kind, sizes["VmHWM"], sizes["VmRSS"], pss)
            for task in (folder / "task").iterdir():
                children = (task / "children").read_text().split()
                open_pids += [(int(child), pid, kind) for child in children]


def _kind(command: list[str], parent_kind: str) -> str:
    if WORKER_MODULE in command:
        return WORKER
    if ZYGOTE_MODULE in command:
        # A child is forked from the zygote, and keeps its command line.
        return DECODER if parent_kind == ZYGOTE else ZYGOTE
    return FFMPEG if parent_kind == ZYGOTE else OTHER


def _sizes(path: Path) -> dict[str, int]:
    """The lines of a file under /proc that end in kB, in bytes."""
    found = {}
    for line in path.read_text().splitlines():
        if line.endswith(" kB"):
            name, value = line.split(":")
            found[name] = int(value.split()[0]) << 10
    return found

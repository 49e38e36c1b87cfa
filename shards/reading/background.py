"""Threads that work ahead and never keep a process from ending."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Background:
    """Runs jobs in a few threads, in the order in which they come. The threads are daemons: at the end of
    the process a job is left where it is. They end when this object is dropped or closed."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = threads
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._started = 0
        self._finalizer = weakref.finalize(self, _end, self._jobs, threads)

    def submit(self, job: Job) -> None:
        """Run a job, which must not raise."""
        self._jobs.put(job)
        if self._started < self._threads:
            self._started += 1
            threading.Thread(
                target=_work, args=(self._jobs,), name=f"{self._name}-{self._started}", daemon=True
            ).start()

    def close(self) -> None:
        """Take no more jobs; those under way are finished, those waiting dropped."""
        while not self._jobs.empty():
            self._jobs.get_nowait()
        self._finalizer()


def _work(jobs: SimpleQueue[Job | None]) -> None:
    while True:
        job = jobs.get()
        if job is None:
            return
        job()
        # The last job's data are not kept while waiting for the next.
        del job


def _end(jobs: SimpleQueue[Job | None], threads: int) -> None:
    for _ in range(threads):
        jobs.put(None)

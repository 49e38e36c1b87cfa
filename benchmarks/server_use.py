"""How busy a model server is while it is measured, by its /metrics page."""

from __future__ import annotations

import statistics
import threading
import time
from typing import Literal

from captioning.serve.looking import Load, read_load

LOOK_S = 0.5


class Watch:
    """Looks twice a second, in a thread whose CPU time is known, so that it can be left out."""

    def __init__(self, root: str) -> None:
        self.cpu_s = 0.0
        self._root = root
        self._seen: list[tuple[float, Load]] = []
        self._spans: list[tuple[str, float, float]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def note(self, name: str, start: float, end: float) -> None:
        """Say who asked, from when to when (by time.perf_counter)."""
        self._spans.append((name, start, end))

    def mean(self, name: str, which: Literal["running", "waiting"]) -> float | None:
        """Mean number of requests while somebody asked; None where the server does not say."""
        found = [
            getattr(load, which)
            for at, load in self._seen
            if any(who == name and start <= at <= end for who, start, end in self._spans)
        ]
        return round(statistics.mean(found), 2) if found else None

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            at = time.perf_counter()
            load = read_load(self._root, 5.0)
            self.cpu_s = time.thread_time()
            if load is not None:
                self._seen.append((at, load))

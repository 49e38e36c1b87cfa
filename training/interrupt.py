"""Stopping on a signal, at the end of a step and with a checkpoint."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SAME_REQUEST_S = 2.0
"""A launcher passes on a signal that the terminal or the scheduler has sent to all processes already: what
comes so soon after the first is the same wish."""


class Interruption:
    """Use as a context manager: while it lasts, the first SIGINT or SIGTERM is remembered.

    A later SIGINT acts as it would have without, so that an impatient user is not held up; SIGTERM does not,
    as it comes from several places at once. Outside the main thread signals cannot be caught and are left as
    they are.
    """

    def __init__(self) -> None:
        self.requested = False
        self._since = 0.0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *exc: object) -> None:
        for number in SIGNALS:
            self._restore(number)

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.requested

    def _remember(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested, self._since = True, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self._since > SAME_REQUEST_S:
            self._restore(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    def _restore(self, number: signal.Signals) -> None:
        if number in self._previous:
            signal.signal(number, self._previous.pop(number))

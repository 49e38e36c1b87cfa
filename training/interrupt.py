"""Stopping on a signal, at the end of a step and with a checkpoint."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Use as a context manager: while it lasts, the first SIGINT or SIGTERM is remembered.

    The second one acts as it would have without, so that an impatient user is not held up. Outside
    the main thread signals cannot be caught and are left as they are.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._remember) for number in SIGNALS}
        return self

    def __exit__(self, *exc: object) -> None:
        self._restore()

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.requested

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

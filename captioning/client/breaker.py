"""Keeps requests away from a server that fails, until it is seen to be alive again."""

from __future__ import annotations

import random
from enum import Enum, auto

FAULTS_TO_OPEN = 5
"""Faults in a row, with no answer between them, after which a server is left alone."""
PROBE_BASE_S, PROBE_CAP_S = 0.25, 5.0


class _State(Enum):
    CLOSED = auto()
    OPEN = auto()
    HALF_OPEN = auto()


class Breaker:
    """Closed, requests pass; open, none do, and the server is probed now and then; half open, one passes, and
    its fate decides. Times are of the event loop's clock."""

    def __init__(self) -> None:
        self._state = _State.CLOSED
        self._since = float("-inf")
        self._faults = 0
        self._trying = False
        self._probes = 0
        self._probe_at = 0.0

    @property
    def lets(self) -> bool:
        """Whether a request may pass."""
        return self._state is _State.CLOSED or (self._state is _State.HALF_OPEN and not self._trying)

    @property
    def open(self) -> bool:
        """Whether the server is left alone."""
        return self._state is _State.OPEN

    def passed(self) -> bool:
        """A request passes; whether it is the one that a half-open breaker waits for."""
        self._trying = self._state is _State.HALF_OPEN
        return self._trying

    def over(self) -> None:
        """The request that a half-open breaker waited for ended, with or without a verdict."""
        self._trying = False

    def answered(self) -> None:
        """The server answered a request."""
        self._state = _State.CLOSED
        self._faults = self._probes = 0

    def failed(self, sent_at: float, now: float, *, gone: bool) -> None:
        """A request failed; `gone` if nobody listens. One sent before the last change tells nothing new."""
        if self._state is _State.OPEN or sent_at < self._since:
            return
        self._faults += 1
        if gone or self._state is _State.HALF_OPEN or self._faults >= FAULTS_TO_OPEN:
            self._state = _State.OPEN
            self._since = now
            self._schedule(now)

    def probe_due(self, now: float) -> bool:
        """Whether the server should be looked at; says so once for each look."""
        if self._state is not _State.OPEN or now < self._probe_at:
            return False
        self._probe_at = float("inf")
        return True

    def hurry(self, now: float) -> None:
        """Somebody new wants the server: look at it soon."""
        if self._state is _State.OPEN and self._probe_at != float("inf"):
            self._probe_at = min(self._probe_at, now + PROBE_BASE_S)

    def probed(self, alive: bool, now: float) -> None:
        """What the look showed."""
        if self._state is not _State.OPEN:
            return
        if alive:
            self._state = _State.HALF_OPEN
            self._since = now
        else:
            self._schedule(now)

    def _schedule(self, now: float) -> None:
        delay_s = min(PROBE_CAP_S, PROBE_BASE_S * 2 ** min(self._probes, 10))
        self._probes += 1
        self._probe_at = now + delay_s * random.uniform(0.5, 1)

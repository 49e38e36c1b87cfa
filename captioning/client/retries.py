"""When a request is sent again: later and later, at random, and only so often over all.

Full jitter and the bucket of retries follow M. Brooker, "Timeouts, retries, and backoff with jitter" (Amazon
Builders' Library).
"""

from __future__ import annotations

import random

BASE_S, CAP_S = 0.5, 20.0
REFILL_PER_S = 10.0
"""Retries per second, times the share, that are granted whatever the traffic."""


def backoff_s(faults: int) -> float:
    """Seconds to wait after so many faults of a request, in 0 .. min(20, 0.5 * 2^faults)."""
    return random.uniform(0, min(CAP_S, BASE_S * 2 ** min(faults, 10)))


class RetryBudget:
    """A bucket that each first sending fills by `share` and each retry empties by one.

    It holds a window of requests and starts full, so that one fault which hits all of them at once (a server
    that restarts) is made good without waiting.
    """

    def __init__(self, share: float, window: int, now: float) -> None:
        self._share = share
        self._most = float(max(window, 1))
        self._tokens = self._most if share else 0.0
        self._filled_at = now

    @property
    def none_ever(self) -> bool:
        """Whether retries are forbidden."""
        return self._share == 0

    def earn(self) -> None:
        """A request is sent for the first time."""
        self._tokens = min(self._most, self._tokens + self._share)

    def spend(self, now: float) -> float:
        """Take a retry: 0 if there was one, else the seconds after which to ask again."""
        refill = (now - self._filled_at) * REFILL_PER_S * self._share
        self._tokens = min(self._most, self._tokens + refill)
        self._filled_at = now
        # A sum of shares may fall short of 1 by a rounding error.
        if self._tokens < 1 - 1e-9:
            return (1 - self._tokens) / (REFILL_PER_S * self._share)
        self._tokens -= 1
        return 0.0

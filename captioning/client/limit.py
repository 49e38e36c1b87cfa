"""How many requests may be on their way to one server: more while it keeps up, half when it does not.

Additive increase and multiplicative decrease, with doubling until the server is first seen to be full, as TCP
does it (RFC 5681).
"""

from __future__ import annotations

FIRST = 16
"""Requests on their way before anything is known of a server."""
SHORT_QUEUE = 0.25
"""A server whose waiting requests are under this share of its running ones can take more."""
STEP = 16
"""Once full, a server's limit grows by one part in so many at each look at its queue; it shrinks as fast
while more requests wait than run."""


class Limit:
    """Bounds the requests in flight between 1 and `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(min(FIRST, most))
        self._doubling = True
        self._halved_at = float("-inf")

    @property
    def size(self) -> int:
        """Requests that may be in flight now."""
        return int(self._size)

    @property
    def doubling(self) -> bool:
        """Whether the server has never been seen full."""
        return self._doubling

    def queue_seen(self, running: float, waiting: float) -> None:
        """The server told how long its queue is while as many as allowed were in flight."""
        if waiting > 0 and waiting >= SHORT_QUEUE * running:
            self._doubling = False
            if waiting > running:
                self._size = max(1.0, self._size - self._size / STEP)
        else:
            # Where much of what was sent is in neither count, it has not got through to the server yet.
            arrived = running + waiting >= self._size / 2
            self._grow(self._size if self._doubling and arrived else max(1.0, self._size / STEP))

    def answered(self) -> None:
        """A server that says nothing of its queue answered while as many as allowed were in flight."""
        self._grow(1.0 if self._doubling else 1 / self._size)

    def halve(self, sent_at: float, now: float) -> None:
        """It pushed back or timed out on a request; those sent before the last halving tell nothing new."""
        if sent_at < self._halved_at:
            return
        self._halved_at = now
        self._doubling = False
        self._size = max(1.0, self._size / 2)

    def _grow(self, by: float) -> None:
        self._size = min(float(self._most), self._size + by)

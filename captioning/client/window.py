"""How many requests of all who ask through a client are drawn and not yet answered."""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Lock
from typing import Any

AHEAD_SHARE, AHEAD_LEAST = 8, 4
"""Requests drawn ahead of what may be in flight, so that a server's free place is filled at once: one in so
many, and at least."""


class Leave:
    """May become the right to draw one request; it is put into its owner's queue when it does."""

    def __init__(self, inbox: SimpleQueue[Any]) -> None:
        self.inbox = inbox
        self.withdrawn = False


class Window:
    """Hands out leaves to draw a request, first come first served, to threads that ask. Thread-safe."""

    def __init__(self, in_flight: int) -> None:
        self._lock = Lock()
        self._most = _with_ahead(in_flight)
        self._held = 0
        self._waiting: deque[Leave] = deque()

    def want(self, inbox: SimpleQueue[Any]) -> Leave:
        """Put a leave into a queue as soon as there is room."""
        leave = Leave(inbox)
        with self._lock:
            self._waiting.append(leave)
            self._hand_out()
        return leave

    def give_back(self) -> None:
        """A leave is no longer needed: its request was answered, or there was none to draw."""
        with self._lock:
            self._held -= 1
            self._hand_out()

    def withdraw(self, leave: Leave) -> None:
        """Stop waiting; if the leave lies in the queue already, it is not to be used."""
        leave.withdrawn = True
        with self._lock:
            if leave in self._waiting:
                self._waiting.remove(leave)
            else:
                self._held -= 1
                self._hand_out()

    def resize(self, in_flight: int) -> None:
        """The servers take so many requests at once now."""
        with self._lock:
            self._most = _with_ahead(in_flight)
            self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._held < self._most:
            self._held += 1
            leave = self._waiting.popleft()
            leave.inbox.put(leave)


def _with_ahead(in_flight: int) -> int:
    return in_flight + max(AHEAD_LEAST, in_flight // AHEAD_SHARE)

"""Between the stages on a cluster and the driver, which holds the lease and commits."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import Any

from pipelines.committer import Claims


class Mailbox:
    """Results that wait to be committed, claims of distinct records, and which units are under way (so that
    one which kills its workers is found out)."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._posts: deque[tuple[str, str, str, Any]] = deque()
        self._begun: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def begin(self, node: str, unit: str) -> int:
        """Note that a stage starts on a unit; how often it did so before without an end."""
        with self._lock:
            self._begun[node, unit] += 1
            return self._begun[node, unit] - 1

    def claims(self, node: str, claimed: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
        """Claim records; for each, who has it (the caller, or whoever came first)."""
        with self._lock:
            taken = self._claims.setdefault(node, {})
            return {key: taken.setdefault(key, owner) for key, owner in claimed.items()}

    def post(self, kind: str, node: str, unit: str, payload: Any) -> None:
        """Leave a result (or a message) for the driver."""
        with self._lock:
            self._begun.pop((node, unit), None)
            self._posts.append((kind, node, unit, payload))

    def drain(self) -> list[tuple[str, str, str, Any]]:
        """Everything that was posted since the last call."""
        with self._lock:
            posts = list(self._posts)
            self._posts.clear()
            return posts

"""From probabilities per gap to transitions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from curation.detect.transitions import Transition

Floats = npt.NDArray[np.float32]

MAX_RUN_GAPS = 600
"""Gaps of the longest run, 10 s at 60 frames per second: no transition lasts so long, and the frames of a run
wait for its end."""


class RunFinder:
    """Finds runs of gaps at which a transition is under way, in a stream of any length.

    A run that touches the start or the end of the stream separates nothing. One longer than `MAX_RUN_GAPS` is
    closed there, and what is left of it is another.

    Args:
        threshold: what the probability must exceed somewhere in a run.
        lowest: what it must exceed all through the run.
    """

    def __init__(self, threshold: float, lowest: float) -> None:
        self._threshold = threshold
        self._lowest = lowest
        self._seen = 0
        self._start: int | None = None
        self._highest = 0.0

    @property
    def settled(self) -> int:
        """Frames that no later transition will begin before."""
        return self._seen if self._start is None else self._start

    def add(self, probabilities: Floats) -> Iterator[Transition]:
        """The transitions that ended within the next gaps; entry i is the gap after frame `seen + i`."""
        for value in probabilities.tolist():
            if self._start is not None and self._seen - self._start == MAX_RUN_GAPS:
                yield from self._close()
            if value > self._lowest:
                self._start = self._seen if self._start is None else self._start
                self._highest = max(self._highest, value)
            else:
                yield from self._close()
            self._seen += 1

    def _close(self) -> Iterator[Transition]:
        start, highest = self._start, self._highest
        self._start, self._highest = None, 0.0
        if start is None or start == 0 or highest <= self._threshold:
            return
        yield Transition(start, self._seen, "cut" if self._seen == start + 1 else "gradual", highest)

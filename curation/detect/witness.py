"""What a network is not asked: whether a transition leads from one picture to another at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from curation.detect.blocks import Frames
from curation.detect.fades import FLAT_CONTRAST, MAX_FLAT_FRAMES
from curation.detect.pictures import correlation, luma
from curation.detect.transitions import Settled, Transition

MAX_CORRELATION = 0.6
"""Of the structure of the pictures on either side of a gradual transition. On composed footage that was held
out, 95 % of the true ones of each kind are below 0.4, and most false ones, which are movements within a shot,
above 0.9."""

_KEPT_FRAMES = 12288
"""More than a network is behind the decoder (`streams`: two batches of eight blocks), by some minutes."""


class Witness:
    """Watches a stream go by, and drops from what a detector finds there:

    - fades (not cuts) at the start or the end of the stream: nothing but flat frames lies beyond them, and at
      the end fewer than `MAX_FLAT_FRAMES`;
    - gradual transitions with the same picture on either side.

    The last frames are held, a bounded number; of a longer transition the pictures are not compared.
    """

    def __init__(self) -> None:
        self._frames: deque[Frames] = deque(maxlen=_KEPT_FRAMES)
        self._seen = 0
        self._first_lit: int | None = None
        self._last_lit = -1
        self._waiting: list[Transition] = []

    def watch(self, frames: Iterable[Frames]) -> Iterator[Frames]:
        """The same frames, [27, 48, 3], noted as they pass."""
        for frame in frames:
            if luma(frame).std() >= FLAT_CONTRAST:
                self._first_lit = self._seen if self._first_lit is None else self._first_lit
                self._last_lit = self._seen
            self._frames.append(frame)
            self._seen += 1
            yield frame

    def settle(self, frames: int, found: Sequence[Transition]) -> Settled:
        """What holds of a report that no later transition will begin before frame `frames`, and of those
        found since the last: a transition before a flat stretch waits for what comes after, but for no
        more than `MAX_FLAT_FRAMES`."""
        self._waiting += [each for each in found if self._leads_elsewhere(each)]
        certain: list[Transition] = []
        while self._waiting and self._ends(self._waiting[0]):
            certain.append(self._waiting.pop(0))
        return Settled(min([frames, *(each.start_frame for each in self._waiting)]), certain)

    def finish(self) -> Settled:
        """The end of the stream: a gradual transition that still waits was a fade to the end."""
        return Settled(self._seen, [each for each in self._waiting if self._ends(each)])

    def _ends(self, item: Transition) -> bool:
        """Whether a picture is known to follow, or so many flat frames that they are a shot of their own."""
        follows = item.end_frame <= self._last_lit or self._seen - item.end_frame >= MAX_FLAT_FRAMES
        return item.kind == "cut" or follows

    def _leads_elsewhere(self, item: Transition) -> bool:
        if item.kind == "cut":
            return True
        if self._first_lit is None or item.start_frame < self._first_lit:
            return False
        oldest = self._seen - len(self._frames)
        if item.start_frame < oldest:
            return True
        before, after = (self._frames[at - oldest] for at in (item.start_frame, item.end_frame))
        return correlation(luma(before), luma(after)) <= MAX_CORRELATION

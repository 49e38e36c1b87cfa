"""A stream of frames in overlapping blocks, so that array code runs over films of any length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Block:
    """Consecutive frames [frames, height, width, 3]. Every frame of the stream is in the core
    [core_start, core_end) of exactly one block; the rest is context. `offset` is the number of the
    first frame, core bounds count from the start of the stream."""

    offset: int
    frames: Frames
    core_start: int
    core_end: int

    @property
    def core(self) -> Frames:
        """The frames of the core."""
        return self.frames[self.core_start - self.offset : self.core_end - self.offset]


def overlapping_blocks(frames: Iterable[Frames], core: int, context: int) -> Iterator[Block]:
    """Cut a stream into blocks of `core` frames with up to `context` more on either side."""
    held: list[Frames] = []
    offset = core_start = 0
    for frame in frames:
        held.append(frame)
        if offset + len(held) == core_start + core + context:
            yield Block(offset, np.stack(held), core_start, core_start + core)
            core_start += core
            past = max(0, core_start - context - offset)
            del held[:past]
            offset += past
    if core_start < offset + len(held):
        yield Block(offset, np.stack(held), core_start, offset + len(held))

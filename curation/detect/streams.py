"""Runs a network over a stream of frames in blocks, while the next frames are being decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby

import numpy as np
import numpy.typing as npt

from curation.detect.blocks import Block, Frames, overlapping_blocks

Floats = npt.NDArray[np.float32]
Predict = Callable[[Frames], Floats]
"""Probabilities [B, T] of frames [B, T, 27, 48, 3]."""

CORE_FRAMES = 384
CONTEXT_FRAMES = 64
"""A block's frames, and those on either side that are only looked at. The network sees 48 frames far by its
convolutions and 50 by its similarities."""

END_FRAMES = 32
"""Copies of the first and the last frame of the stream before and after it."""

_BLOCKS_AHEAD = 2


def predictions(frames: Iterable[Frames], predict: Predict, batch_blocks: int = 1) -> Iterator[Floats]:
    """Probabilities of consecutive frames [n], each frame once, in pieces.

    `predict` is called in another thread for up to `batch_blocks` blocks at once; what comes out does not
    depend on how many. Memory is bounded, however long the stream.
    """
    pending: deque[Future[list[Floats]]] = deque()
    with ThreadPoolExecutor(1) as thread:
        for batch in _batches(overlapping_blocks(frames, CORE_FRAMES, CONTEXT_FRAMES), batch_blocks):
            pending.append(thread.submit(_run, predict, batch))
            if len(pending) >= _BLOCKS_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()


def _batches(blocks: Iterable[Block], size: int) -> Iterator[list[Block]]:
    held: list[Block] = []
    for block in blocks:
        held.append(block)
        if len(held) == size:
            yield held
            held = []
    if held:
        yield held


def _run(predict: Predict, blocks: list[Block]) -> list[Floats]:
    """The core's probabilities of each block; blocks of one shape go through the network together."""
    results: list[Floats] = []
    for _, group in groupby(blocks, key=lambda block: len(_with_ends(block))):
        same = list(group)
        probabilities = predict(np.stack([_with_ends(block) for block in same]))
        for block, row in zip(same, probabilities, strict=True):
            first = block.core_start - block.offset + _ends_before(block)
            results.append(row[first : first + block.core_end - block.core_start])
    return results


def _ends_before(block: Block) -> int:
    return END_FRAMES if block.offset == 0 else 0


def _with_ends(block: Block) -> Frames:
    """The frames, with copies of the outermost where the stream begins or ends."""
    after = 0 if block.core_end + CONTEXT_FRAMES == block.offset + len(block.frames) else END_FRAMES
    padding = ((_ends_before(block), after), (0, 0), (0, 0), (0, 0))
    return np.pad(block.frames, padding, mode="edge")

"""A neural detector over a stream of any length, in overlapping windows and constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

WINDOW_FRAMES = 100
HOP_FRAMES = 50
MARGIN_FRAMES = 25
"""A window gives the frames [25, 75) of its 100; the rest is context (inference scripts of TransNetV2 and
AutoShot)."""

Frames = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Predict = Callable[[Frames], tuple[Floats, Floats]]
"""One-hot and many-hot logits [B, 100] of windows [B, 100, height, width, 3]."""


def predictions(frames: Iterable[Frames], predict: Predict, batch: int) -> Iterator[tuple[Floats, Floats]]:
    """One-hot and many-hot probabilities [n] of consecutive frames, every frame once and in order.

    Args:
        frames: RGB pictures [height, width, 3] in order of time. The first and the last are repeated where
            a window reaches past the ends.
        predict: gives the logits of a batch of windows.
        batch: most windows per call of `predict`, at least 1; so many are held.
    """
    windows = _windows(frames)
    while group := list(islice(windows, batch)):
        one_hot, many_hot = predict(np.stack([window for window, _ in group]))
        count = sum(new for _, new in group)
        yield _probabilities(one_hot)[:count], _probabilities(many_hot)[:count]


def _windows(frames: Iterable[Frames]) -> Iterator[tuple[Frames, int]]:
    """Windows, and how many frames of the stream each gives: 50, or what is left in the last."""
    held: list[Frames] = []
    due = 0
    for frame in frames:
        held = held or [frame] * MARGIN_FRAMES
        held.append(frame)
        due += 1
        if len(held) == WINDOW_FRAMES:
            yield np.stack(held), HOP_FRAMES
            del held[:HOP_FRAMES]
            due -= HOP_FRAMES
    held += held[-1:] * (WINDOW_FRAMES + HOP_FRAMES)
    while due > 0:
        yield np.stack(held[:WINDOW_FRAMES]), min(due, HOP_FRAMES)
        del held[:HOP_FRAMES]
        due -= HOP_FRAMES


def _probabilities(logits: Floats) -> Floats:
    kept = logits[:, MARGIN_FRAMES : MARGIN_FRAMES + HOP_FRAMES].reshape(-1)
    # Unlike the usual form of the logistic function, this one cannot overflow.
    probabilities: Floats = np.float32(0.5) * (1 + np.tanh(kept / 2))
    return probabilities

"""A network over a stream: every frame once, whatever the length, and the same however blocks are batched."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from curation.detect.streams import CONTEXT_FRAMES, CORE_FRAMES, END_FRAMES, predictions


def numbered(count: int) -> Iterator[np.ndarray]:
    """Frames that say which they are."""
    for number in range(count):
        yield np.full((27, 48, 3), 0, np.uint8) + np.array([number >> 8, number & 255, 0], np.uint8)


def numbers(frames: np.ndarray) -> np.ndarray:
    return (frames[:, :, 0, 0, 0].astype(np.float32) * 256 + frames[:, :, 0, 0, 1]).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 63, 383, 384, 385, 447, 448, 449, 768, 1000, 3000])
@pytest.mark.parametrize("batch", [1, 3])
def test_every_frame_comes_out_once_and_in_order(count: int, batch: int) -> None:
    result = np.concatenate(list(predictions(numbered(count), numbers, batch)))
    assert np.array_equal(result, np.arange(count, dtype=np.float32))


def test_blocks_have_context_and_copies_of_the_outermost_frames() -> None:
    seen: list[np.ndarray] = []

    def noted(frames: np.ndarray) -> np.ndarray:
        seen.append(numbers(frames)[0])
        return numbers(frames)

    list(predictions(numbered(1000), noted))
    assert [len(each) for each in seen] == [
        END_FRAMES + CORE_FRAMES + CONTEXT_FRAMES,
        CONTEXT_FRAMES + CORE_FRAMES + CONTEXT_FRAMES,
        CONTEXT_FRAMES + 1000 - 2 * CORE_FRAMES + END_FRAMES,
    ]
    assert set(seen[0][: END_FRAMES + 1]) == {0}
    assert set(seen[-1][-END_FRAMES - 1 :]) == {999}


def test_an_empty_stream_gives_nothing() -> None:
    assert list(predictions(iter(()), numbers)) == []


def test_a_fault_of_the_network_is_not_swallowed() -> None:
    def broken(frames: np.ndarray) -> np.ndarray:
        raise FloatingPointError("no numbers")

    with pytest.raises(FloatingPointError, match="no numbers"):
        list(predictions(numbered(10), broken))


def test_a_long_stream_is_never_held_as_a_whole() -> None:
    taken = itertools.count()
    ahead: list[int] = []
    done = 0
    latest = threading.Lock()

    def counted() -> Iterator[np.ndarray]:
        frame = np.zeros((27, 48, 3), np.uint8)
        for _ in range(20_000):
            number = next(taken)
            with latest:
                ahead.append(number - done)
            yield frame

    for piece in predictions(counted(), lambda frames: np.zeros(frames.shape[:2], np.float32)):
        done += len(piece)
    assert done == 20_000
    assert max(ahead) <= 3 * CORE_FRAMES + 2 * CONTEXT_FRAMES

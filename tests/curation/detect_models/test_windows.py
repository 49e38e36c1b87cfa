"""Windows over a stream, against the whole padded array as the authors' scripts make it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.parity_shots import drawn_frames
from curation.detect.models.checkpoints import model_from
from curation.detect.models.inference import predict_with
from curation.detect.windows import Floats, Frames, predictions
from tests.curation.detect_models import weights

LENGTHS = [1, 2, 24, 25, 26, 49, 50, 51, 74, 75, 76, 99, 100, 101, 149, 150, 151, 337]


def stream(length: int) -> Frames:
    return np.random.default_rng(length).integers(0, 256, (length, 2, 3, 3), dtype=np.uint8)


def logits(windows: Frames) -> tuple[Floats, Floats]:
    """Of every frame and of its place in the window, so that no two places give the same."""
    means = windows.reshape(*windows.shape[:2], -1).mean(2, dtype=np.float32)
    around = means - means.mean(1, keepdims=True)
    return around / 50 + np.arange(100, dtype=np.float32) / 50, around / 20


def whole(frames: Frames) -> tuple[Floats, Floats]:
    """The same from one array, one window at a time."""
    after = 25 + (50 - len(frames) % 50) % 50
    padded = np.concatenate([frames[:1]] * 25 + [frames] + [frames[-1:]] * after)
    outputs: tuple[list[Floats], list[Floats]] = ([], [])
    start = 0
    while start + 100 <= len(padded):
        for output, values in zip(outputs, logits(padded[None, start : start + 100]), strict=True):
            output.append(values[0, 25:75])
        start += 50
    one_hot, many_hot = (1 / (1 + np.exp(-np.concatenate(each)[: len(frames)])) for each in outputs)
    return one_hot, many_hot


def streamed(frames: Frames, batch: int) -> tuple[Floats, Floats]:
    parts = list(predictions(iter(frames), logits, batch))
    return np.concatenate([each[0] for each in parts]), np.concatenate([each[1] for each in parts])


@pytest.mark.parametrize("length", LENGTHS)
def test_a_stream_gives_what_the_whole_array_gives(length: int) -> None:
    frames = stream(length)
    for found, wanted in zip(streamed(frames, 1), whole(frames), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("batch", [2, 3, 16])
def test_the_batch_changes_nothing(length: int, batch: int) -> None:
    for found, wanted in zip(streamed(stream(length), batch), streamed(stream(length), 1), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_no_frames_give_no_predictions() -> None:
    assert list(predictions([], logits, 4)) == []


def test_no_batch_is_larger_than_asked_for() -> None:
    sizes: list[int] = []

    def noted(windows: Frames) -> tuple[Floats, Floats]:
        sizes.append(len(windows))
        return logits(windows)

    counts = [len(one_hot) for one_hot, _ in predictions(stream(374), noted, 3)]
    assert sizes == [3, 3, 2]
    assert counts == [150, 150, 74]


def test_frames_are_read_as_they_are_needed() -> None:
    read = 0

    def counted() -> Iterator[Frames]:
        nonlocal read
        for frame in stream(500):
            read += 1
            yield frame

    found = predictions(counted(), logits, 1)
    next(found)
    assert read == 75
    next(found)
    assert read == 125


def test_extreme_logits_do_not_overflow() -> None:
    def certain(windows: Frames) -> tuple[Floats, Floats]:
        sure = np.full(windows.shape[:2], 500, np.float32)
        return sure, -sure

    with np.errstate(all="raise"):
        ((one_hot, many_hot),) = predictions(stream(3), certain, 1)
    assert one_hot.tolist() == [1, 1, 1]
    assert many_hot.tolist() == [0, 0, 0]


def test_a_network_sees_a_short_film_as_one_padded_window() -> None:
    frames = drawn_frames(1, 60)[0][:50]
    predict = predict_with(model_from("autoshot", weights.state("autoshot"), "here"))
    ((one_hot, many_hot),) = predictions(iter(frames), predict, 4)
    padded = np.concatenate([frames[:1]] * 25 + [frames] + [frames[-1:]] * 25)
    for found, wanted in zip((one_hot, many_hot), predict(padded[None]), strict=True):
        np.testing.assert_allclose(found, 1 / (1 + np.exp(-wanted[0, 25:75])), atol=1e-6)

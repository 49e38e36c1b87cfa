"""The two networks, against plain loops over the same weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from benchmarks.parity_shots import drawn_frames
from curation.detect.models.checkpoints import ModelKind, model_from
from tests.curation.detect_models import reference, weights

KINDS: tuple[ModelKind, ...] = ("transnetv2", "autoshot")
REFERENCES: dict[ModelKind, Callable[..., dict[str, torch.Tensor]]] = {
    "transnetv2": reference.transnetv2,
    "autoshot": reference.autoshot,
}


def logits(kind: ModelKind, frames: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [
            each.numpy() for each in model_from(kind, weights.state(kind), "here")(torch.from_numpy(frames))
        ]


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_gives_what_the_loops_give(kind: ModelKind) -> None:
    frames = drawn_frames(1, 40)[:, 5:23]
    wanted = REFERENCES[kind](weights.state(kind), frames[0])
    one_hot, many_hot = logits(kind, frames)
    np.testing.assert_allclose(one_hot[0], wanted["one_hot"].numpy(), atol=2e-5)
    np.testing.assert_allclose(many_hot[0], wanted["many_hot"].numpy(), atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_frame_is_a_video(kind: ModelKind) -> None:
    one_hot, many_hot = logits(kind, drawn_frames(1, 25)[:, :1])
    assert one_hot.shape == many_hot.shape == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_videos_of_a_batch_do_not_touch(kind: ModelKind) -> None:
    first, second = drawn_frames(1, 25)[:, :5], drawn_frames(2, 25)[:, :5]
    together = logits(kind, np.concatenate([first, second]))
    for output, (a, b) in zip(
        together, zip(logits(kind, first), logits(kind, second), strict=True), strict=True
    ):
        np.testing.assert_allclose(output, np.concatenate([a, b]), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "frames",
    [
        torch.zeros(1, 5, 27, 48, 3),
        torch.zeros(1, 3, 5, 27, 48, dtype=torch.uint8),
        torch.zeros(1, 5, 48, 27, 3, dtype=torch.uint8),
        torch.zeros(1, 0, 27, 48, 3, dtype=torch.uint8),
    ],
    ids=["scaled", "channels first", "turned", "empty"],
)
def test_frames_of_another_make_are_refused(kind: ModelKind, frames: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"takes uint8 \[B, T, 27, 48, 3\], RGB"):
        model_from(kind, weights.state(kind), "here")(frames)

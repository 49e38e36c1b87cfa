"""Costs worked out from a config are those that are published, and those of the model itself."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tests.training.models.small import HEADS, SMALL, VISIBLE, count_parameters, small, video
from tests.training.models.test_student import DISTILLED, STAGE1
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.flops import (
    encoder_macs,
    encoder_parameters,
    student_macs,
    student_parameters,
)
from training.models.student import Student
from training.models.student_config import StudentConfig


@pytest.mark.parametrize(
    ("size", "tmacs"),
    [
        ("S", (0.03, 0.08, 0.24)),
        ("B", (0.11, 0.26, 0.66)),
        ("L", (0.36, 0.83, 2.07)),
        ("1B", (1.16, 2.55, 6.05)),
        ("6B", (6.39, 13.4, 29.4)),
    ],
)
def test_costs_at_4_8_and_16_frames(size: str, tmacs: tuple[float, ...]) -> None:
    for num_frames, tmac in zip((4, 8, 16), tmacs, strict=True):
        found = encoder_macs(EncoderConfig.model_validate({"size": size, "num_frames": num_frames})) / 1e12
        # Published with two or three digits; B at 8 frames is 0.2548 here.
        assert found == pytest.approx(tmac, rel=0.005, abs=0.0055)


@pytest.mark.parametrize(
    ("size", "tmacs"), [("S", 0.011), ("B", 0.039), ("L", 0.136), ("1B", 0.44), ("6B", 2.52)]
)
def test_costs_of_416_visible_patches(size: str, tmacs: float) -> None:
    found = encoder_macs(EncoderConfig.model_validate({"size": size}), 8 * 52) / 1e12
    assert found == pytest.approx(tmacs, rel=0.006, abs=0.0005)


@pytest.mark.parametrize("num_visible", [None, 3])
def test_costs_are_those_that_pytorch_counts(num_visible: int | None) -> None:
    visible = None if num_visible is None else VISIBLE[:1]
    for config, heads in ((SMALL, HEADS), (small(depth=4, tubelet_frames=1), HEADS)):
        pixels = video(config, batch=1)
        student = Student(config, heads)
        assert student_macs(config, heads, num_visible) == _counted(student, pixels, visible)
        bare = VideoEncoder(config, pool=False)
        assert encoder_macs(config, num_visible, pool=False) == _counted(bare, pixels, visible)


def _counted(model: torch.nn.Module, pixels: torch.Tensor, visible: torch.Tensor | None) -> int:
    # The counter knows no fused attention of a CPU.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(pixels, visible)
    return counter.get_total_flops() // 2


def test_weights_are_those_that_the_model_has() -> None:
    plain = StudentConfig(final=None)
    for config, heads in (
        (SMALL, HEADS),
        (small(image_positions=True), plain),
        (EncoderConfig(size="1B"), STAGE1),
        (EncoderConfig(size="S"), DISTILLED),
    ):
        if heads is plain:
            heads = plain.model_copy(update={"middle": HEADS.middle})
        with torch.device("meta"):
            assert student_parameters(config, heads) == count_parameters(Student(config, heads))
            for pool in (True, False):
                found = encoder_parameters(config, pool=pool)
                assert found == count_parameters(VideoEncoder(config, pool=pool))

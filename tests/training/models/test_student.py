"""Sizes, names and heads of the student are those of InternVideo2."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from tests.conftest import SHARED_MEDIA
from tests.training.models.small import HEADS, SMALL, VISIBLE, count_parameters, small, video
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.student import Student
from training.models.student_config import FinalHeadConfig, HeadConfig, StudentConfig, aligned_layers

RELEASED = SHARED_MEDIA.parent / "parity" / "internvideo2_1B_keys.json"

STAGE1 = StudentConfig(motion=HeadConfig(layers=4, width=1408, kind="mlp"))
DISTILLED = StudentConfig(
    middle=HeadConfig(layers=6, width=1408, kind="mlp"), final=FinalHeadConfig(width=768, kind="mlp")
)


def on_meta(size: str, heads: StudentConfig | None = None, **changes: object) -> VideoEncoder:
    config = EncoderConfig.model_validate({"size": size, **changes})
    with torch.device("meta"):
        return VideoEncoder(config) if heads is None else Student(config, heads)


@pytest.mark.parametrize(
    ("size", "millions"), [("S", 23.0), ("B", 89.4), ("L", 308.9), ("1B", 1020.7), ("6B", 5941.7)]
)
def test_encoders_have_as_many_weights_as_the_published_ones(size: str, millions: float) -> None:
    assert round(count_parameters(on_meta(size)) / 1e6, 1) == millions


@pytest.mark.parametrize(
    ("size", "heads", "millions"),
    [
        ("1B", STAGE1, 1070.04),
        ("6B", STAGE1, 6075.95),
        ("S", DISTILLED, 29.17),
        ("B", DISTILLED, 102.25),
        ("L", DISTILLED, 327.18),
    ],
)
def test_students_have_as_many_weights_as_the_published_ones(
    size: str, heads: StudentConfig, millions: float
) -> None:
    assert round(count_parameters(on_meta(size, heads)) / 1e6, 2) == millions


@pytest.fixture(scope="module")
def released() -> dict[str, Any]:
    if not RELEASED.is_file():
        pytest.skip(f"no list of the released keys at {RELEASED}")
    document: dict[str, Any] = json.loads(RELEASED.read_text())
    return document


def test_state_dicts_of_1b_are_the_released_ones_in_order(released: dict[str, Any]) -> None:
    stage1 = on_meta("1B", STAGE1)
    vision = on_meta("1B", StudentConfig(), num_frames=4, image_positions=True)
    for name, model in (("stage1_1B_f8", stage1), ("stage2_vision_1B_f4", vision)):
        layout = [(key, list(weight.shape)) for key, weight in model.state_dict().items()]
        assert layout == list(released[name].items())


def test_heads_give_unit_vectors_of_visible_tokens() -> None:
    torch.manual_seed(0)
    output = Student(SMALL, HEADS)(video(), VISIBLE)
    assert output.tokens_BLD.shape == (2, 4, 32)
    assert output.pooled_BP.shape == (2, 24)
    assert output.middle_KBLD.shape == (2, 2, 4, 20)
    assert output.final_BD is not None
    assert output.final_BD.shape == (2, 12)
    assert output.motion_KBLD is not None
    assert output.motion_KBLD.shape == (1, 2, 3, 16)
    for features in (output.middle_KBLD, output.final_BD, output.motion_KBLD):
        torch.testing.assert_close(features.norm(dim=-1), torch.ones(features.shape[:-1]))


def test_heads_see_their_block_and_the_positions_of_its_tokens() -> None:
    torch.manual_seed(0)
    student = Student(SMALL, HEADS)
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    output = student(video(), VISIBLE)
    layers = VideoEncoder.forward(student, video(), VISIBLE, layers=(1, 2)).layers_KBLD
    assert layers is not None
    for row in range(2):
        for token, patch in ((0, None), (1, VISIBLE[row, 0]), (3, VISIBLE[row, 2])):
            rows = 0 if patch is None else 1 + patch
            for k in range(2):
                x = layers[k, row, token] + student.clip_pos_embed[0, rows]
                torch.testing.assert_close(output.middle_KBLD[k, row, token], student.clip_decoder[k](x))
            if patch is not None:
                x = layers[1, row, token] + student.mae_pos_embed[0, patch]
                assert output.motion_KBLD is not None
                assert student.mae_decoder is not None
                torch.testing.assert_close(output.motion_KBLD[0, row, token - 1], student.mae_decoder[0](x))


def test_all_weights_that_may_learn_have_a_gradient() -> None:
    for heads in (HEADS, HEADS.model_copy(update={"final": None}), HEADS.model_copy(update={"motion": None})):
        student = Student(SMALL, heads)
        output = student(video(), VISIBLE)
        terms = [output.middle_KBLD, output.final_BD, output.motion_KBLD]
        sum(term[..., 0].sum() for term in terms if term is not None).backward()
        without = {name for name, weight in student.named_parameters() if weight.grad is None}
        frozen = {name for name, weight in student.named_parameters() if not weight.requires_grad}
        assert without == frozen
        assert bool(frozen) == (heads.final is None)


def test_images_have_positions_of_their_own_for_the_heads_too() -> None:
    student = Student(small(image_positions=True), HEADS.model_copy(update={"motion": None}))
    assert list(student.state_dict())[:5] == [
        "cls_token",
        "pos_embed",
        "img_pos_embed",
        "clip_pos_embed",
        "clip_img_pos_embed",
    ]
    image = video()[:, :, :2]
    before = student(image).middle_KBLD
    with torch.no_grad():
        student.clip_img_pos_embed.add_(torch.rand_like(student.clip_img_pos_embed))
    assert before.shape == (2, 2, 1 + 16, 20)
    assert not torch.allclose(student(image).middle_KBLD, before)


def test_layers_are_counted_from_the_last_block() -> None:
    assert aligned_layers(40, 6, 1) == (34, 35, 36, 37, 38, 39)
    assert aligned_layers(40, 6, 3.34) == (23, 26, 29, 33, 36, 39)
    with pytest.raises(
        ValueError, match="6 layers at an interval of 3 reach back 16 blocks, but there are 12"
    ):
        aligned_layers(12, 6, 3)

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.training.teachers import plain, tiny
from training.models.encoder import VideoEncoder
from training.teachers import internvl
from training.teachers.architectures import INTERNVL_C
from training.teachers.build import build_teacher
from training.teachers.config import InternVlConfig
from training.teachers.frozen import FrozenTeacher

IMAGE = tiny.ENCODER.model_copy(update={"num_frames": 1})


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, Tensor]]:
    """A small file as released: 2D patches, the text side beside them; and its image side."""
    monkeypatch.setattr("training.teachers.config.INTERNVL_C", IMAGE)
    monkeypatch.setattr(internvl, "INTERNVL_C", IMAGE)
    tensors = tiny.weights(IMAGE)
    image_side = dict(tensors)
    image_side["patch_embed.proj.weight"] = tensors["patch_embed.proj.weight"].squeeze(2)
    text_side = {
        "transformer.embed_tokens.weight": torch.zeros(3, 2),
        "text_projection": torch.zeros(2, 2),
        "logit_scale": torch.zeros(()),
    }
    path = tmp_path / "internvl_c.pth"
    torch.save({"module": image_side | text_side, "epoch": 3}, path)
    return path, tensors


def _teacher(path: Path, **options: object) -> FrozenTeacher:
    config = InternVlConfig.model_validate(
        {"kind": "internvl", "weights": str(path), "layers": 3, "size_px": 28, "precision": "fp32"} | options
    )
    return build_teacher(config, tiny.STUDENT, tiny.CPU)


def test_each_frame_is_seen_on_its_own(released: tuple[Path, dict[str, Tensor]]) -> None:
    path, tensors = released
    teacher = _teacher(path)
    video = tiny.clips(2, 3)
    targets = teacher(video)

    for b in range(2):
        frames = [
            plain.encode(tensors, ((video[b] - plain.MEAN) / plain.STD)[:, t : t + 1], heads=3, pool_heads=4)
            for t in range(3)
        ]
        for k, block in enumerate((2, 3, 4)):
            class_token = torch.stack([frame.blocks[block][0] for frame in frames]).mean(0, keepdim=True)
            raw = torch.cat([class_token, *(frame.blocks[block][1:] for frame in frames)])
            torch.testing.assert_close(
                targets.middle_KBLD[k, b], functional.normalize(raw, dim=-1), atol=1e-5, rtol=1e-4
            )
        pooled = torch.stack([frame.pooled for frame in frames]).mean(0)
        assert targets.final_BD is not None
        torch.testing.assert_close(
            targets.final_BD[b], functional.normalize(pooled, dim=0), atol=1e-5, rtol=1e-4
        )
        looks = torch.stack([frame.looks[1:] / frame.looks[1:].sum() for frame in frames])
        assert targets.attention_BTN is not None
        torch.testing.assert_close(targets.attention_BTN[b], looks, atol=1e-5, rtol=1e-4)

    spec = teacher.spec
    assert (spec.num_frames, spec.grid, spec.layers, spec.width) == (3, (3, 2, 2), 3, 48)
    assert targets.middle_KBLD.shape == (3, 2, 1 + 3 * 4, 48)
    assert targets.final_BD is not None
    assert targets.final_BD.shape == (2, spec.final_width)


def test_parts_of_a_batch_give_the_same(released: tuple[Path, dict[str, Tensor]]) -> None:
    path, _ = released
    video = tiny.clips(3, 3)
    whole, parts = _teacher(path)(video), _teacher(path, micro_batch_size=2)(video)
    torch.testing.assert_close(whole.middle_KBLD, parts.middle_KBLD)
    torch.testing.assert_close(whole.final_BD, parts.final_BD)
    torch.testing.assert_close(whole.attention_BTN, parts.attention_BTN)


def test_bf16_is_near_and_nothing_has_a_gradient(released: tuple[Path, dict[str, Tensor]]) -> None:
    path, _ = released
    video = tiny.clips(2, 3).requires_grad_()
    exact, rough = _teacher(path)(video), _teacher(path, precision="bf16")(video)
    assert rough.middle_KBLD.dtype == torch.bfloat16
    assert not rough.middle_KBLD.requires_grad
    cosine = (exact.middle_KBLD * rough.middle_KBLD.float()).sum(-1)
    assert cosine.min() > 0.99
    assert rough.attention_BTN is not None
    torch.testing.assert_close(rough.attention_BTN.sum(-1), torch.ones(2, 3))


def test_positions_follow_the_resolution(released: tuple[Path, dict[str, Tensor]]) -> None:
    path, tensors = released
    teacher = build_teacher(
        InternVlConfig(kind="internvl", weights=str(path), layers=1, size_px=56, precision="fp32"),
        tiny.STUDENT.model_copy(update={"size_px": 56}),
        tiny.CPU,
    )
    assert isinstance(teacher, internvl.InternVlTeacher)
    found = teacher._encoder.get_parameter("pos_embed")
    square = tensors["pos_embed"][0, 1:].T.view(1, 48, 2, 2)
    larger = functional.interpolate(square, (4, 4), mode="bicubic", align_corners=False)
    torch.testing.assert_close(found[0, 1:], larger[0].flatten(1).T)
    torch.testing.assert_close(found[0, 0], tensors["pos_embed"][0, 0])


def test_released_size() -> None:
    with torch.device("meta"):
        encoder = VideoEncoder(INTERNVL_C)
    parameters = sum(parameter.numel() for parameter in encoder.parameters())
    spec = InternVlConfig(kind="internvl", weights="x").spec(
        tiny.STUDENT.model_copy(update={"num_frames": 8})
    )
    assert spec.parameters == parameters
    assert round(parameters / 1e6, 1) == 5936.0
    assert round(spec.gmacs_per_clip / 1e3, 1) == 12.3


def test_a_file_that_lacks_tensors_is_refused_by_name(
    released: tuple[Path, dict[str, Tensor]], tmp_path: Path
) -> None:
    _, tensors = released
    lacking = {name: value for name, value in tensors.items() if name != "blocks.1.mlp.fc2.bias"}
    lacking["patch_embed.proj.weight"] = lacking["patch_embed.proj.weight"].squeeze(2)
    torch.save(lacking | {"surprise": torch.zeros(1)}, tmp_path / "lacking.pth")
    with pytest.raises(ValueError, match=r"(?s)blocks\.1\.mlp\.fc2\.bias.*surprise"):
        _teacher(tmp_path / "lacking.pth")
    del lacking["pos_embed"]
    torch.save(lacking, tmp_path / "bare.pth")
    with pytest.raises(ValueError, match=r"(?s)missing: 2\n    pos_embed\n    blocks\.1\.mlp\.fc2\.bias"):
        _teacher(tmp_path / "bare.pth")


def test_missing_files_say_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"internvl_c_13b_224px\.pth of OpenGVLab/InternVL"):
        _teacher(tmp_path / "absent.pth")


def test_another_kind_of_file_is_refused(released: tuple[Path, dict[str, Tensor]], tmp_path: Path) -> None:
    torch.save(tiny.weights(tiny.ENCODER), tmp_path / "video.pth")
    with pytest.raises(ValueError, match="holds a video encoder, which is no teacher of kind: internvl"):
        _teacher(tmp_path / "video.pth")


def test_another_sha256_is_refused(released: tuple[Path, dict[str, Tensor]]) -> None:
    with pytest.raises(ValueError, match="weights_sha256"):
        _teacher(released[0], weights_sha256="0" * 64)

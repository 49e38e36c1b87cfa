from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from tests.training.teachers import plain, tiny
from training.models.encoder_config import EncoderConfig
from training.models.interpolation import interpolate_positions
from training.models.student import Student
from training.models.student_config import HeadConfig, StudentConfig
from training.released.description import EncoderDescription, StudentDescription, to_json
from training.teachers.build import build_teacher
from training.teachers.config import InternVideo2Config
from training.teachers.internvideo2 import InternVideo2Teacher


def _folder(path: Path, tensors: dict[str, Tensor], description: EncoderDescription) -> Path:
    path.mkdir()
    save_file(tensors, path / "model.safetensors")
    (path / "config.json").write_text(to_json(description))
    return path


def test_a_folder_of_ours_teaches(tmp_path: Path) -> None:
    tensors = tiny.weights(tiny.ENCODER)
    folder = _folder(tmp_path / "own", tensors, EncoderDescription(encoder=tiny.ENCODER))
    config = InternVideo2Config(
        kind="internvideo2", weights=str(folder), layers=2, interval=2.5, precision="fp32"
    )
    teacher = build_teacher(config, tiny.STUDENT, tiny.CPU)
    video = tiny.clips(2, 3)
    targets = teacher(video)

    tensors["pos_embed"] = interpolate_positions(tensors["pos_embed"], (2, 2, 2), (3, 2, 2))
    for b in range(2):
        seen = plain.encode(tensors, (video[b] - plain.MEAN) / plain.STD, heads=3, pool_heads=4)
        for k, block in enumerate((2, 4)):
            torch.testing.assert_close(
                targets.middle_KBLD[k, b],
                functional.normalize(seen.blocks[block], dim=-1),
                atol=1e-5,
                rtol=1e-4,
            )
        assert targets.final_BD is not None
        torch.testing.assert_close(
            targets.final_BD[b], functional.normalize(seen.pooled, dim=0), atol=1e-5, rtol=1e-4
        )
        looks = seen.looks[1:] / seen.looks[1:].sum() * 3
        assert targets.attention_BTN is not None
        torch.testing.assert_close(targets.attention_BTN[b], looks.view(3, 4), atol=1e-5, rtol=1e-4)
    assert teacher.spec.parameters == sum(
        parameter.numel()
        for parameter in teacher._encoder.parameters()  # type: ignore[attr-defined]
    )


def test_a_released_file_inside_a_larger_one_teaches(tmp_path: Path) -> None:
    """A stage-2 file: prefix, heads and image positions beside, 4 frames of 224 px."""
    trained = EncoderConfig(size="S", num_frames=4, image_positions=True)
    heads = StudentConfig(middle=HeadConfig(layers=1, width=8), motion=None)
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in Student(trained, heads).state_dict().items()}
    tensors = {f"vision_encoder.{name}": torch.full(shape, 0.01) for name, shape in shapes.items()}
    positions = torch.randn(shapes["pos_embed"])
    tensors["vision_encoder.pos_embed"] = positions
    torch.save({"module": tensors | {"temp": torch.tensor(0.07)}}, tmp_path / "stage2.pt")
    config = InternVideo2Config(
        kind="internvideo2",
        weights=str(tmp_path / "stage2.pt"),
        size="S",
        size_px=28,
        precision="fp32",
        layers=1,
    )
    teacher = build_teacher(config, tiny.STUDENT, tiny.CPU)
    assert isinstance(teacher, InternVideo2Teacher)
    wanted = interpolate_positions(positions, (4, 16, 16), (3, 2, 2))
    torch.testing.assert_close(teacher._encoder.pos_embed.data, wanted)
    assert teacher(tiny.clips(1, 3)).middle_KBLD.shape == (1, 1, 13, 384)


def test_a_pooling_that_was_not_trained_is_no_target(tmp_path: Path) -> None:
    heads = StudentConfig(middle=HeadConfig(layers=1, width=8), final=None, motion=None)
    student = Student(tiny.ENCODER, heads)
    folder = _folder(
        tmp_path / "student",
        {name: value.contiguous() for name, value in student.state_dict().items()},
        StudentDescription(encoder=tiny.ENCODER, heads=heads),  # type: ignore[arg-type]
    )
    config = InternVideo2Config(kind="internvideo2", weights=str(folder), layers=2, precision="fp32")
    spec = config.spec(tiny.STUDENT)
    assert (spec.final_width, spec.attention) == (None, False)
    targets = build_teacher(config, tiny.STUDENT, tiny.CPU)(tiny.clips(1, 3))
    assert targets.final_BD is None
    assert targets.attention_BTN is None


def test_the_layers_of_the_released_distillation() -> None:
    config = InternVideo2Config(kind="internvideo2", weights="stage2.pt", size="1B", layers=6, interval=3.34)
    student = EncoderConfig(size="S")
    spec = config.spec(student)
    assert round(spec.parameters / 1e6, 1) == 1020.7
    assert round(spec.gmacs_per_clip / 1e3, 2) == 2.55
    assert spec.grid == student.grid


def test_a_file_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="Set size to S, B, L, 1B or 6B"):
        InternVideo2Config(kind="internvideo2", weights="stage2.pt").spec(tiny.STUDENT)


def test_a_file_of_another_size_is_refused(tmp_path: Path) -> None:
    larger = tiny.ENCODER.model_copy(update={"size_px": 224, "num_frames": 1})
    torch.save({"module": tiny.weights(larger)}, tmp_path / "other.pt")
    config = InternVideo2Config(kind="internvideo2", weights=str(tmp_path / "other.pt"), size="S", size_px=28)
    with pytest.raises(ValueError, match=r"(?s)missing: .*blocks\.\{5-11\}.*reshaped: .*cls_token"):
        build_teacher(config, tiny.STUDENT, tiny.CPU)


def test_a_file_without_positions_is_refused_by_name(tmp_path: Path) -> None:
    tensors = tiny.weights(tiny.ENCODER)
    del tensors["pos_embed"]
    folder = _folder(tmp_path / "own", tensors, EncoderDescription(encoder=tiny.ENCODER))
    config = InternVideo2Config(kind="internvideo2", weights=str(folder), layers=2)
    with pytest.raises(ValueError, match=r"(?s)missing: 1\n    pos_embed\n"):
        build_teacher(config, tiny.STUDENT, tiny.CPU)


def test_positions_of_an_unknown_grid_are_refused(tmp_path: Path) -> None:
    torch.save({"module": tiny.weights(tiny.ENCODER)}, tmp_path / "tiny.pt")
    config = InternVideo2Config(kind="internvideo2", weights=str(tmp_path / "tiny.pt"), size="S", size_px=28)
    with pytest.raises(ValueError, match="9 positions are not a class token and 16x16"):
        build_teacher(config, tiny.STUDENT, tiny.CPU)

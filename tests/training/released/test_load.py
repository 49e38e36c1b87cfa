"""Starting a model from a checkpoint: what fits is taken, what does not is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.released.small import (
    ONE_TEACHER,
    TEACHERS,
    encoder,
    filled,
    save,
    small,
    stage2,
    student,
)
from training.models.encoder import VideoEncoder
from training.models.interpolation import interpolate_positions
from training.models.student import Student
from training.models.student_config import HeadConfig, StudentConfig
from training.released.architecture import Hints
from training.released.convert import convert
from training.released.errors import CheckpointMismatchError
from training.released.load import load_into


def fresh(teachers: StudentConfig = TEACHERS, **changes: Any) -> Student:
    return filled(Student(small(**changes), teachers), seed=9)


def test_a_student_takes_all_of_its_like(tmp_path: Path) -> None:
    source, model = student(), fresh()
    loaded = load_into(model, save(tmp_path / "a.pth", {"module": source.half().state_dict()}))
    assert (loaded.new, loaded.unused, loaded.interpolated) == ((), (), ())
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, source.state_dict()[name].float())


def test_positions_follow_the_model(tmp_path: Path) -> None:
    source, model = student(), fresh(num_frames=4, size_px=56)
    loaded = load_into(model, save(tmp_path / "a.pth", source.state_dict()))
    assert set(loaded.interpolated) == {"pos_embed", "clip_pos_embed", "mae_pos_embed"}
    wanted = interpolate_positions(source.state_dict()["pos_embed"], (2, 16, 16), (4, 4, 4))
    assert torch.equal(model.state_dict()["pos_embed"], wanted)
    assert "positions interpolated: pos_embed" in str(loaded)


def test_heads_of_other_teachers_start_fresh_and_are_listed(tmp_path: Path) -> None:
    heads = StudentConfig(middle=HeadConfig(layers=1, width=20, kind="linear"), final=TEACHERS.final)
    source, model = student(), fresh(heads)
    before = model.state_dict()["clip_decoder.0.head.weight"].clone()
    loaded = load_into(model, save(tmp_path / "a.pth", source.state_dict()))
    assert {name.split(".")[0] for name in loaded.new} == {"clip_decoder"}
    assert {name.split(".")[0] for name in loaded.unused} == {"clip_decoder", "mae_decoder", "mae_pos_embed"}
    after, given = model.state_dict(), source.state_dict()
    assert torch.equal(after["clip_decoder.0.head.weight"], before)
    assert torch.equal(after["final_clip_decoder.head.weight"], given["final_clip_decoder.head.weight"])
    assert "mae_decoder.0.head.{0,2}.{bias,weight}" in str(loaded)
    assert "clip_decoder.{0-1}.head.{bias,weight}" in str(loaded)


def test_a_whole_stage_2_file_and_a_folder(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"module": stage2()})
    folder = convert(path, tmp_path / "folder", Hints()).folder
    for source in (path, folder):
        model = fresh(ONE_TEACHER, image_positions=True)
        loaded = load_into(model, source)
        assert (loaded.new, loaded.unused) == ((), ())
        assert torch.equal(model.cls_token, stage2()["vision_encoder.cls_token"].float())


def test_the_encoder_inside_a_larger_model(tmp_path: Path) -> None:
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = filled(VideoEncoder(small(), pool=False), seed=9)

    source, model = encoder(), Outer()
    loaded = load_into(model, save(tmp_path / "a.pth", source.state_dict()))
    assert torch.equal(model.encoder.cls_token, source.cls_token)
    assert {name.split(".")[0] for name in loaded.unused} == {"clip_projector"}
    # And back: what has no pooling starts a student whose pooling is fresh.
    tensors = {f"encoder.{name}": tensor for name, tensor in model.encoder.state_dict().items()}
    loaded = load_into(fresh(), save(tmp_path / "b.pth", tensors | {"decoder.norm.weight": torch.ones(3)}))
    assert {name.split(".")[0] for name in loaded.new} == {
        *("clip_projector", "clip_decoder", "clip_pos_embed", "final_clip_decoder"),
        *("mae_decoder", "mae_pos_embed"),
    }


def test_an_encoder_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    tensors = dict(student().state_dict())
    del tensors["blocks.1.ls1.gamma"]
    tensors["blocks.0.norm1.weight"] = torch.ones(4)
    tensors["odd"] = torch.ones(1)
    model = fresh()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointMismatchError) as refused:
        load_into(model, save(tmp_path / "a.pth", tensors))
    for part in (
        "missing: 1",
        "blocks.1.ls1.gamma",
        "unexpected: 1",
        "odd",
        "reshaped: 1",
        "[4] in the file",
    ):
        assert part in str(refused.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("changes", [{"heads": 12}, {"gelu": "erf"}])
def test_what_shapes_do_not_show_is_compared(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = save(tmp_path / "a.pth", encoder().state_dict())
    folder = convert(path, tmp_path / "folder", Hints()).folder
    for source in (path, folder):
        with pytest.raises(CheckpointMismatchError, match=f"was trained with {next(iter(changes))} = "):
            load_into(fresh(**changes), source)


def test_pool_heads_are_compared(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pth", encoder().state_dict())
    folder = convert(path, tmp_path / "folder", Hints()).folder
    for source in (path, folder):
        with pytest.raises(
            CheckpointMismatchError, match="pool_heads = 16, but the model has pool_heads = 8"
        ):
            load_into(fresh(pool_heads=8), source)


def test_pool_heads_do_not_matter_without_a_pooling_to_take(tmp_path: Path) -> None:
    tensors = {n: t for n, t in encoder().state_dict().items() if not n.startswith("clip_projector.")}
    loaded = load_into(fresh(pool_heads=8), save(tmp_path / "a.pth", tensors))
    assert "clip_projector.cross_attn.q.weight" in loaded.new


def test_a_file_of_an_unknown_width_must_say_its_heads(tmp_path: Path) -> None:
    shape: dict[str, Any] = {"width": 48, "heads": 3}
    path = save(tmp_path / "a.pth", encoder(**shape).state_dict())
    with pytest.raises(CheckpointMismatchError, match=r"width 48.*checkpoints convert .*a\.pth .*--heads N"):
        load_into(fresh(**shape), path)
    folder = convert(path, tmp_path / "folder", Hints(heads=3)).folder
    assert load_into(fresh(**shape), folder).unused == ()
    with pytest.raises(CheckpointMismatchError, match="heads = 3, but the model has heads = 6"):
        load_into(fresh(width=48, heads=6), folder)


def test_a_delta_and_a_teacher_start_nothing(tmp_path: Path) -> None:
    delta = {name: tensor for name, tensor in stage2().items() if "clip_projector" in name}
    with pytest.raises(CheckpointMismatchError, match="was trained on the distilled S"):
        load_into(fresh(), save(tmp_path / "a.pth", delta))
    teacher = {"patch_embed.proj.weight": torch.ones(4, 3, 2, 2, 2), "blocks.0.attn.q_bias": torch.ones(4)}
    with pytest.raises(CheckpointMismatchError, match="cannot start from it"):
        load_into(fresh(), save(tmp_path / "b.pth", teacher))


def test_another_width_is_refused_with_all_that_differs(tmp_path: Path) -> None:
    with pytest.raises(CheckpointMismatchError, match=r"cls_token: \[1, 1, 384\] in the file, \[1, 1, 32\]"):
        load_into(fresh(width=32, heads=2), save(tmp_path / "a.pth", student().state_dict()))

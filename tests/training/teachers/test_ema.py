from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.nn import functional

from tests.training.teachers import plain, tiny
from training.models.student import Student
from training.models.student_config import HeadConfig, StudentConfig
from training.teachers.build import build_teacher
from training.teachers.config import EmaConfig
from training.teachers.ema import EmaTeacher

MOMENTUM = 0.9
HEADS = StudentConfig(middle=HeadConfig(layers=2, width=32), final=None, motion=None)


def _teacher(precision: str = "fp32") -> EmaTeacher:
    config = EmaConfig.model_validate(
        {"kind": "ema", "momentum": MOMENTUM, "layers": 2, "precision": precision}
    )
    teacher = build_teacher(config, tiny.STUDENT, tiny.CPU)
    assert isinstance(teacher, EmaTeacher)
    return teacher


def _student(seed: int) -> Student:
    torch.manual_seed(seed)
    student = Student(tiny.STUDENT, HEADS)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.normal_(std=0.3)
    return student


def test_the_average_follows_the_student() -> None:
    teacher, first, second = _teacher(), _student(1), _student(2)
    teacher.start(first)
    teacher.follow(second)
    teacher.follow(second)
    later = dict(second.named_parameters())
    earlier = dict(first.named_parameters())
    for name, average in teacher.tensors().items():
        expected = 0.81 * earlier[name] + 0.19 * later[name]
        torch.testing.assert_close(average, expected.detach(), atol=1e-6, rtol=1e-5)
        assert not average.requires_grad


def test_targets_are_the_average_s_features_normalised_over_channels() -> None:
    teacher, student = _teacher(), _student(1)
    teacher.start(student)
    video = tiny.clips(2, 3)
    targets = teacher(video)
    weights = {name: value.detach() for name, value in student.state_dict().items()}
    for b in range(2):
        seen = plain.encode(weights, (video[b] - plain.MEAN) / plain.STD, heads=2, pool_heads=2)
        for k, block in enumerate((2, 3)):
            raw = functional.layer_norm(seen.blocks[block], (32,))
            torch.testing.assert_close(
                targets.middle_KBLD[k, b], functional.normalize(raw, dim=-1), atol=1e-5, rtol=1e-4
            )
    assert (targets.final_BD, targets.attention_BTN) == (None, None)


def test_the_average_stays_float32_in_bf16() -> None:
    exact, rough = _teacher(), _teacher("bf16")
    student = _student(1)
    exact.start(student)
    rough.start(student)
    rough.follow(student)
    assert {average.dtype for average in rough.tensors().values()} == {torch.float32}
    video = tiny.clips(2, 3)
    found = rough(video).middle_KBLD
    assert found.dtype == torch.bfloat16
    assert (exact(video).middle_KBLD * found.float()).sum(-1).min() > 0.98


def test_a_checkpoint_is_filled_in_place() -> None:
    teacher, other = _teacher(), _teacher()
    teacher.start(_student(1))
    other.start(_student(2))
    for name, tensor in other.tensors().items():
        tensor.copy_(teacher.tensors()[name])
    video = tiny.clips(1, 3)
    assert torch.equal(teacher(video).middle_KBLD, other(video).middle_KBLD)


def test_weights_that_are_split_over_processes_are_put_together(tmp_path: Path) -> None:
    from torch.distributed.fsdp import fully_shard

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'store'}", rank=0, world_size=1)
    try:
        student = _student(1)
        whole = {name: value.detach().clone() for name, value in student.named_parameters()}
        for block in student.blocks:
            fully_shard(block)
        fully_shard(student)
        teacher = _teacher()
        teacher.start(student)
        for name, average in teacher.tensors().items():
            assert torch.equal(average, whole[name])
    finally:
        distributed.destroy_process_group()


def test_more_layers_than_the_student_has_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 4"):
        EmaConfig(kind="ema", layers=5).spec(tiny.STUDENT)

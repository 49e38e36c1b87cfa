from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.training.teachers import tiny
from training.models.encoder_config import EncoderConfig
from training.teachers.config import EmaConfig, InternVlConfig, TeacherConfig, VideoMaeConfig
from training.teachers.fit import check_fits

INTERNVL = InternVlConfig(kind="internvl", weights="x")


def test_a_student_with_the_same_grid_fits() -> None:
    student = EncoderConfig(size="S")
    check_fits(INTERNVL.spec(student), student, "objective.teacher")
    check_fits(
        VideoMaeConfig(kind="videomae", weights="x").spec(student), student, "objective.motion_teacher"
    )


def test_another_grid_is_refused_with_what_to_change() -> None:
    student = EncoderConfig(size_px=224, patch_px=16)
    with pytest.raises(ValueError, match="one by one") as refused:
        check_fits(INTERNVL.spec(student), student, "objective.teacher")
    message = str(refused.value)
    assert "InternVL-C ViT-6B gives 8x16x16 tokens" in message
    assert "the student has 8x14x14 at 224 px with patches of 16 px" in message
    for remedy, changed in (
        ("objective.teacher.size_px to 196", (INTERNVL.model_copy(update={"size_px": 196}), student)),
        ("model.patch_px to 14", (INTERNVL, student.model_copy(update={"patch_px": 14}))),
        ("model.size_px to 256", (INTERNVL, student.model_copy(update={"size_px": 256}))),
    ):
        assert remedy in message
        teacher, encoder = changed
        check_fits(teacher.spec(encoder), encoder, "objective.teacher")


def test_a_shallow_student_is_refused() -> None:
    student = EncoderConfig(depth=5)
    with pytest.raises(ValueError, match=r"objective\.teacher\.layers = 6, but model\.depth = 5"):
        check_fits(INTERNVL.spec(student), student, "objective.teacher")


def test_a_student_of_tubelets_has_its_teachers_see_its_slots() -> None:
    student = EncoderConfig(num_frames=16, tubelet_frames=2)
    assert INTERNVL.spec(student).num_frames == 8
    assert VideoMaeConfig(kind="videomae", weights="x").spec(student).num_frames == 16
    assert EmaConfig(kind="ema").spec(student).num_frames == 16


def test_teachers_are_chosen_by_kind() -> None:
    adapter: TypeAdapter[object] = TypeAdapter(TeacherConfig)
    assert isinstance(adapter.validate_python({"kind": "ema"}), EmaConfig)
    with pytest.raises(ValidationError, match="ema"):
        adapter.validate_python({"kind": "dino"})


def test_where_the_weights_lie_is_not_part_of_what_they_are() -> None:
    one, other = (InternVlConfig(kind="internvl", weights=path, micro_batch_size=2) for path in "ab")
    assert one.semantic() == other.semantic()
    assert one.semantic() != INTERNVL.model_copy(update={"layers": 3}).semantic()


def test_configs_and_specs_need_no_torch() -> None:
    code = (
        "import sys; from training.teachers.config import *; "
        "InternVlConfig(kind='internvl', weights='x').spec(EncoderConfig()); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_a_moving_average_costs_what_its_student_does() -> None:
    spec = EmaConfig(kind="ema").spec(tiny.STUDENT)
    assert (spec.width, spec.grid, spec.final_width) == (32, (3, 2, 2), None)

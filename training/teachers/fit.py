"""Whether a teacher and a student go together (no torch)."""

from __future__ import annotations

from training.models.encoder_config import EncoderConfig
from training.teachers.teacher import TeacherSpec


def check_fits(spec: TeacherSpec, encoder: EncoderConfig, key: str) -> None:
    """Refuse a teacher whose tokens are not those of the student.

    `key` is where the teacher stands in the configuration (`objective.teacher`, say), for the message.

    Raises:
        ValueError: the grids differ, or the teacher gives more layers than the student has; with both
            figures and what to change.
    """
    if spec.grid != encoder.grid:
        raise ValueError(
            f"{key}: {spec.name} gives {_times(spec.grid)} tokens (time x height x width) at {spec.size_px} "
            f"px, but the student has {_times(encoder.grid)} at {encoder.size_px} px with patches of "
            f"{encoder.patch_px} px, and they are compared one by one. {_remedy(spec, encoder, key)}"
        )
    if spec.layers > encoder.depth:
        raise ValueError(
            f"{key}.layers = {spec.layers}, but model.depth = {encoder.depth}: the student has too few "
            f"blocks to follow them. Set {key}.layers to at most {encoder.depth}."
        )


def _times(grid: tuple[int, int, int]) -> str:
    return "x".join(map(str, grid))


def _remedy(spec: TeacherSpec, encoder: EncoderConfig, key: str) -> str:
    slots, side, _ = spec.grid
    if slots != encoder.grid[0]:
        return f"Set model.num_frames to {slots * encoder.tubelet_frames}."
    teacher_patch_px = spec.size_px // side
    remedies = [f"Set {key}.size_px to {encoder.grid[1] * teacher_patch_px}"]
    if encoder.size_px % side == 0:
        remedies.append(f"model.patch_px to {encoder.size_px // side}")
    remedies.append(f"model.size_px to {side * encoder.patch_px}")
    return ", or ".join(remedies) + "."

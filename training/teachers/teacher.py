"""What a student asks of a teacher.

Shape suffixes: K layers, B batch, C colour, T frames or slots of time, H W pixels, L tokens, N patches of a
slot, D width.
"""

# ruff: noqa: N803, N815 (shape suffixes)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class TeacherSpec:
    """What a teacher takes and gives, known before it is loaded.

    It takes `num_frames` square frames of `size_px`, and gives `layers` features of `width` for a `grid` of
    (time, height, width) tokens, with a class token before them if `class_token`; a pooled vector of
    `final_width` (None: it has none); where its pooling looks, if `attention`. `gmacs_per_clip` is the cost
    of a clip in 1e9 multiply-adds.
    """

    name: str
    num_frames: int
    size_px: int
    grid: tuple[int, int, int]
    layers: int
    width: int
    class_token: bool
    final_width: int | None
    attention: bool
    parameters: int
    gmacs_per_clip: float


@dataclass(frozen=True, kw_only=True)
class TeacherTargets:
    """A teacher's view of some clips, without gradient.

    `middle_KBLD` is L2-normalised, L = class token (if the spec has one) and the grid in raster order;
    `final_BD` is L2-normalised; `attention_BTN` is float32 and sums to T over a clip: to 1 over N where each
    frame is seen on its own, else to the frame's share of the teacher's look (None: see the spec).
    """

    middle_KBLD: Tensor
    final_BD: Tensor | None
    attention_BTN: Tensor | None


class Teacher(Protocol):
    """A frozen model in evaluation mode."""

    spec: TeacherSpec

    def __call__(self, video_BCTHW: Tensor) -> TeacherTargets:
        """Look at clips of `spec.num_frames` frames of `spec.size_px`, colours in 0..1 (float)."""
        ...

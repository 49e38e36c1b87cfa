"""Teachers that know nothing, cost nothing, and count how often they are asked."""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import weakref
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.models.encoder_config import EncoderConfig
from training.objectives.distillation_config import DistillationConfig, TermWeights
from training.objectives.target_cache_config import TargetCacheConfig
from training.teachers.teacher import TeacherSpec, TeacherTargets
from training.views.masking_config import MaskConfig

STUDENT = EncoderConfig(
    num_frames=4,
    size_px=32,
    patch_px=8,
    tubelet_frames=1,
    width=64,
    depth=3,
    heads=2,
    mlp_width=128,
    layer_scale_init=0.5,
    pool_heads=2,
    pool_width=32,
)
"""4 x 4 x 4 patches."""

MEANING = TeacherSpec(
    name="fake image model",
    num_frames=4,
    size_px=32,
    grid=(4, 4, 4),
    layers=2,
    width=96,
    class_token=True,
    final_width=48,
    attention=True,
    parameters=0,
    gmacs_per_clip=0.0,
)
MOTION = replace(
    MEANING,
    name="fake video model",
    num_frames=8,
    size_px=16,
    layers=3,
    width=80,
    class_token=False,
    final_width=None,
    attention=False,
)


GIVEN: list[weakref.ref[Tensor]] = []
"""Features of all patches of the last look of any teacher."""


@dataclass
class FakeConfig:
    """Stands where a teacher's config stands; `alive` are features of the look before, at each look."""

    its_spec: TeacherSpec
    kind: str = "fake"
    weights: str = "first"
    micro_batch_size: int | None = None
    asked: list[Tensor] = field(default_factory=list)
    alive: list[int] = field(default_factory=list)
    loaded: int = 0

    def spec(self, encoder: EncoderConfig) -> TeacherSpec:
        return self.its_spec

    def semantic(self) -> dict[str, Any]:
        return {"kind": self.kind, "layers": self.its_spec.layers}


class FakeTeacher:
    """Random features of the pixels of each patch; looks where colours vary."""

    def __init__(self, config: FakeConfig) -> None:
        config.loaded += 1
        self.spec = config.its_spec
        self._asked = config.asked
        self._alive = config.alive

    def __call__(self, video_BCTHW: Tensor) -> TeacherTargets:
        spec = self.spec
        assert video_BCTHW.shape[1:] == (3, spec.num_frames, spec.size_px, spec.size_px)
        self._asked.append(video_BCTHW)
        self._alive.append(sum(given() is not None for given in GIVEN))
        GIVEN.clear()
        slots, height, width = spec.grid
        patches = (
            video_BCTHW.unfold(2, spec.num_frames // slots, spec.num_frames // slots)
            .unfold(3, spec.size_px // height, spec.size_px // height)
            .unfold(4, spec.size_px // width, spec.size_px // width)
        )
        pixels_BLV = patches.permute(0, 2, 3, 4, 1, 5, 6, 7).flatten(4).flatten(1, 3) - 0.5
        generator = torch.Generator().manual_seed(0)

        def seen(x: Tensor, width: int) -> Tensor:
            return functional.normalize(x @ torch.randn(x.shape[-1], width, generator=generator), dim=-1)

        if spec.class_token:
            pixels_BLV = torch.cat([pixels_BLV.mean(dim=1, keepdim=True), pixels_BLV], dim=1)
        middle_KBLD = torch.stack([seen(pixels_BLV, spec.width) for _ in range(spec.layers)])
        GIVEN.append(weakref.ref(middle_KBLD))
        attention = pixels_BLV[:, int(spec.class_token) :].var(dim=-1).unflatten(1, (slots, -1))
        return TeacherTargets(
            middle_KBLD=middle_KBLD,
            final_BD=None if spec.final_width is None else seen(pixels_BLV.mean(dim=1), spec.final_width),
            attention_BTN=attention / attention.sum(dim=-1, keepdim=True) if spec.attention else None,
        )


def fake_config(
    teacher: FakeConfig | None = None,
    motion: FakeConfig | None = None,
    *,
    cache: TargetCacheConfig | None = None,
    **changes: Any,
) -> DistillationConfig:
    """A config with fake teachers, which the real one would refuse."""
    values: dict[str, Any] = {
        "kind": "distill",
        "teacher": teacher or FakeConfig(MEANING),
        "motion_teacher": motion,
        "heads": "linear",
        "student_interval": 1.0,
        "mask": MaskConfig(ratio=0.75),
        "masks_per_view": 1,
        "weights": TermWeights(),
        "projection_width": None,
        "target_cache": cache,
    }
    return DistillationConfig.model_construct(**(values | changes))

"""What teachers say of masked views: made by looking, as the loss needs it.

Shape suffixes: V views, R rows (each view as often as it is masked), K layers, L tokens of a row, P patches
that a row shows, D width, B C T H W as everywhere.
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.masking import visible_patches
from training.masking_config import MaskConfig
from training.models.encoder_config import EncoderConfig
from training.randomness import Draw
from training.teachers.teacher import Teacher, TeacherSpec, TeacherTargets


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What to learn about each row. All features are of length 1.

    `visible_RP` are int64 indices into the raster of patches, ascending. `middle_KRLD` has the class token
    first, if the teacher has one, and then the visible patches; `final_RD` is of the view; `motion_KRPD` of
    the visible patches.
    """

    visible_RP: Tensor
    middle_KRLD: Tensor
    final_RD: Tensor | None
    motion_KRPD: Tensor | None


class Looker:
    """Lets teachers look at views, and keeps what they say about the visible patches.

    `projections` are [D, W] for the features of blocks of the teacher and of the motion teacher, or None.
    """

    def __init__(
        self,
        encoder: EncoderConfig,
        mask: MaskConfig,
        masks_per_view: int,
        teachers: Sequence[LazyTeacher],
        projections: Sequence[Tensor | None],
        *,
        final: bool,
    ) -> None:
        self._grid = encoder.grid
        self._mask = mask
        self._masks_per_view = masks_per_view
        self._teachers = teachers
        self._projections = projections
        self._final = final

    def __call__(self, videos: Sequence[Tensor], draws: Sequence[Draw]) -> Targets:
        """`videos` are the views [V, C, T, H, W] as each teacher wants to see them, colours in 0..1."""
        seen = self._teachers[0](videos[0])
        visible_RP = visible_patches(
            draws,
            self._grid,
            self._mask,
            masks_per_view=self._masks_per_view,
            attention_BTN=seen.attention_BTN,
            device=videos[0].device,
        )
        motion_KRPD = None
        if len(self._teachers) > 1:
            others = self._teachers[1](videos[1])
            tokens_KVND = others.middle_KBLD[:, :, int(self._teachers[1].spec.class_token) :]
            motion_KRPD = project(_of_rows(tokens_KVND, visible_RP), self._projections[1])
        final_RD = None
        if self._final:
            assert seen.final_BD is not None
            final_RD = seen.final_BD.repeat_interleave(self._masks_per_view, dim=0)
        return Targets(
            visible_RP=visible_RP,
            middle_KRLD=project(
                self._middle(seen, visible_RP, class_token=self._teachers[0].spec.class_token),
                self._projections[0],
            ),
            final_RD=final_RD,
            motion_KRPD=motion_KRPD,
        )

    @staticmethod
    def _middle(seen: TeacherTargets, visible_RP: Tensor, *, class_token: bool) -> Tensor:
        if not class_token:
            return _of_rows(seen.middle_KBLD, visible_RP)
        tokens_RL = functional.pad(visible_RP + 1, (1, 0))
        return _of_rows(seen.middle_KBLD, tokens_RL)


class LazyTeacher:
    """A teacher that is loaded when it is asked for the first time; its spec is known before."""

    def __init__(self, spec: TeacherSpec, load: Callable[[], Teacher]) -> None:
        self.spec = spec
        self._load = load
        self._loaded: Teacher | None = None

    @property
    def loaded(self) -> Teacher:
        """The teacher, from now on in memory."""
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def __call__(self, video_BCTHW: Tensor) -> TeacherTargets:
        """Look at clips."""
        return self.loaded(video_BCTHW)


def project(features_KRLD: Tensor, projection_DW: Tensor | None) -> Tensor:
    """Features of length 1 seen along fewer directions, again of length 1."""
    if projection_DW is None:
        return features_KRLD
    return functional.normalize(features_KRLD.float() @ projection_DW, dim=-1)


def random_directions(width: int, count: int, *, seed: int) -> Tensor:
    """Orthonormal directions: float32 [width, count], the same on every machine but for rounding."""
    from shards.reading.randomness import uniform

    first, second = torch.from_numpy(uniform(2 * width * count, "directions", seed)).view(2, width, count)
    normal = (-2 * torch.log1p(-first)).sqrt() * torch.cos(2 * torch.pi * second)
    directions, triangle = torch.linalg.qr(normal)
    turned: Tensor = directions * triangle.diagonal().sign()
    return turned.float()


def _of_rows(features_KVLD: Tensor, tokens_RP: Tensor) -> Tensor:
    """The tokens that each row names, of its view: [K, R, P, D]."""
    views = features_KVLD.shape[1]
    rows_per_view = len(tokens_RP) // views
    view_R1 = torch.arange(views, device=tokens_RP.device).repeat_interleave(rows_per_view).unsqueeze(1)
    return features_KVLD[:, view_R1, tokens_RP]

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

from training.models.encoder_config import EncoderConfig
from training.randomness import Draw
from training.teachers.teacher import Teacher, TeacherSpec, TeacherTargets
from training.views.masking import visible_patches
from training.views.masking_config import MaskConfig


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
        """`videos` are the views [V, C, T, H, W] as each teacher wants to see them, colours in 0..1.

        Features of all patches are five times those that are kept, so a teacher's `micro_batch_size` bounds
        them too: what is hidden is dropped before it looks on.
        """
        size = self._teachers[0].views_at_once or len(draws)
        parts = [
            self._meaning(video_VCTHW, draws[number * size : (number + 1) * size])
            for number, video_VCTHW in enumerate(torch.split(videos[0], size))
        ]
        visible_RP = torch.cat([part.visible_RP for part in parts])
        finals = [part.final_RD for part in parts if part.final_RD is not None]
        middle_KRLD = _joined([part.middle_KRLD for part in parts])
        del parts
        motion_KRPD = None
        if len(self._teachers) > 1:
            size = self._teachers[1].views_at_once or len(draws)
            rows = torch.split(visible_RP, size * self._masks_per_view)
            motion_KRPD = _joined(
                [self._motion(*part) for part in zip(torch.split(videos[1], size), rows, strict=True)]
            )
        return Targets(
            visible_RP=visible_RP,
            middle_KRLD=middle_KRLD,
            final_RD=torch.cat(finals) if finals else None,
            motion_KRPD=motion_KRPD,
        )

    def _meaning(self, video_VCTHW: Tensor, draws: Sequence[Draw]) -> Targets:
        """What the teacher says of some views, under masks that follow from where it looks."""
        teacher = self._teachers[0]
        seen = teacher(video_VCTHW)
        visible_RP = visible_patches(
            draws,
            self._grid,
            self._mask,
            masks_per_view=self._masks_per_view,
            attention_BTN=seen.attention_BTN,
            device=video_VCTHW.device,
        )
        final_RD = None
        if self._final:
            assert seen.final_BD is not None
            final_RD = seen.final_BD.repeat_interleave(self._masks_per_view, dim=0)
        tokens_RL = functional.pad(visible_RP + 1, (1, 0)) if teacher.spec.class_token else visible_RP
        middle_KRLD = project(_of_rows(seen.middle_KBLD, tokens_RL), self._projections[0])
        return Targets(visible_RP=visible_RP, middle_KRLD=middle_KRLD, final_RD=final_RD, motion_KRPD=None)

    def _motion(self, video_VCTHW: Tensor, visible_RP: Tensor) -> Tensor:
        """What the motion teacher says of the visible patches of some views."""
        teacher = self._teachers[1]
        tokens_RP = visible_RP + int(teacher.spec.class_token)
        return project(_of_rows(teacher(video_VCTHW).middle_KBLD, tokens_RP), self._projections[1])


class LazyTeacher:
    """A teacher that is loaded when it is asked for the first time; its spec is known before.

    `views_at_once` is how many it is to be asked about in a call; None: all.
    """

    def __init__(
        self, spec: TeacherSpec, load: Callable[[], Teacher], views_at_once: int | None = None
    ) -> None:
        self.spec = spec
        self.views_at_once = views_at_once
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


def _joined(parts_KRLD: Sequence[Tensor]) -> Tensor:
    return parts_KRLD[0] if len(parts_KRLD) == 1 else torch.cat(list(parts_KRLD), dim=1)


def _of_rows(features_KVLD: Tensor, tokens_RP: Tensor) -> Tensor:
    """The tokens that each row names, of its view: [K, R, P, D]."""
    views = features_KVLD.shape[1]
    rows_per_view = len(tokens_RP) // views
    view_R1 = torch.arange(views, device=tokens_RP.device).repeat_interleave(rows_per_view).unsqueeze(1)
    return features_KVLD[:, view_R1, tokens_RP]

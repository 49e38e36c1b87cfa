"""Distillation: the student's visible tokens are aligned with what frozen teachers make of the whole clip.

(InternVideo2, section 3.1, equation 1; docs/stage1.md says what of it is the paper's and what the code's.)

Shape suffixes: R rows (each view as often as it is masked), K layers, L tokens, P visible patches, D width,
B C T H W as everywhere.
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from training.models.encoder_config import EncoderConfig
from training.models.initial import built
from training.models.student import Student, StudentOutput
from training.objectives.distillation_config import DistillationConfig
from training.objectives.kept_targets import from_entries, to_entries
from training.objectives.open_cache import open_cache
from training.objectives.target_cache import Entry, TargetCache
from training.objectives.targets import LazyTeacher, Looker, Targets, project, random_directions
from training.randomness import Draw
from training.teachers.build import build_teacher
from training.teachers.config import TeacherConfig
from training.teachers.ema import EmaTeacher
from training.teachers.teacher import Teacher
from training.views.augmentation import Crops, Look, augment, draw_crops, normalise, repeat_rows, views_of
from training.views.augmentation_config import AugmentationConfig

PROJECTION_SEED = 0


@dataclass(frozen=True, kw_only=True)
class MaskedViews:
    """Rows to learn from: normalised colours, and what to say about the patches that are visible."""

    video_RCTHW: Tensor
    targets: Targets


class Distillation:
    """A student and its teachers; it is on the device or `on_meta`, they come when first needed."""

    model: nn.Module

    def __init__(
        self,
        config: DistillationConfig,
        encoder: EncoderConfig,
        augmentation: AugmentationConfig,
        device: torch.device,
        *,
        on_meta: bool = False,
    ) -> None:
        config.check(encoder)
        specs = config.specs(encoder)
        self._config = config
        self._augmentation = augmentation
        self._look = Look(encoder.num_frames, encoder.size_px)
        self._teacher_looks = [Look(spec.num_frames, spec.size_px) for spec in specs.values()]
        self._teachers = {
            name: LazyTeacher(
                specs[name], partial(self._load, teacher, encoder, device), teacher.micro_batch_size
            )
            for name, teacher in config.teachers().items()
        }
        self.model = built(partial(Student, encoder, config.student(encoder)), device, on_meta=on_meta)
        self._projections = [
            random_directions(spec.width, config.compared_width(spec), seed=PROJECTION_SEED).to(device)
            if config.compared_width(spec) < spec.width
            else None
            for spec in specs.values()
        ]
        self._look_at = Looker(
            encoder,
            config.mask,
            config.masks_per_view,
            list(self._teachers.values()),
            self._projections,
            final=config.student(encoder).final is not None,
        )
        self.cache = None
        if config.target_cache is not None:
            self.cache = open_cache(config, encoder, augmentation, config.target_cache)
        else:
            self._load_early()

    @torch.no_grad()
    def prepare(self, video_BTHWC: Tensor, draws: Sequence[Draw]) -> MaskedViews:
        """Crop and mirror, ask the teachers or their cache, mask."""
        draws = views_of(draws, self._augmentation.views_per_clip)
        crops = draw_crops(draws, self._augmentation, video_BTHWC.shape[2], self._look.size_px)
        if self.cache is None:
            own, *teachers = augment(video_BTHWC, crops, [self._look, *self._teacher_looks])
            targets = self._look_at(teachers, draws)
        else:
            (own,) = augment(video_BTHWC, crops, [self._look])
            targets = self._kept(self.cache, video_BTHWC, draws, crops)
        video_RCTHW = repeat_rows(normalise(own), self._config.masks_per_view)
        return MaskedViews(video_RCTHW=video_RCTHW, targets=targets)

    def _load(self, teacher: TeacherConfig, encoder: EncoderConfig, device: torch.device) -> Teacher:
        loaded = build_teacher(teacher, encoder, device)
        if isinstance(loaded, EmaTeacher):
            # When it is first asked for, the student has its initial weights.
            loaded.start(self.model)
        return loaded

    def _load_early(self) -> None:
        """Load teachers that do not wait for the student, so that a mistake shows before training starts."""
        for name, teacher in self._config.teachers().items():
            if teacher.kind != "ema":
                _ = self._teachers[name].loaded

    def _kept(self, cache: TargetCache, video_BTHWC: Tensor, draws: Sequence[Draw], crops: Crops) -> Targets:
        assert self._config.target_cache is not None
        storage = self._config.target_cache.storage

        def make(missed: list[int]) -> list[Entry]:
            clips = [number // self._augmentation.views_per_clip for number in missed]
            seen = augment(video_BTHWC[clips], crops.take(missed), self._teacher_looks)
            targets = self._look_at(seen, [draws[number] for number in missed])
            return to_entries(targets, len(missed), storage)

        return from_entries(cache.entries(video_BTHWC, draws, make), video_BTHWC.device)

    def terms(self, forward: Callable[..., Any], prepared: MaskedViews) -> dict[str, Tensor]:
        """The weighted distance per teacher and kind of feature: 0..4 each, near 2 before training."""
        targets, weights = prepared.targets, self._config.weights
        told: StudentOutput = forward(prepared.video_RCTHW, targets.visible_RP)
        middle_KRLD = told.middle_KBLD
        if not self._teachers["teacher"].spec.class_token:
            middle_KRLD = middle_KRLD[:, :, 1:]
        middle = distance(project(middle_KRLD, self._projections[0]), targets.middle_KRLD)
        terms = {"middle": weights.middle * middle}
        if targets.final_RD is not None and told.final_BD is not None:
            terms["final"] = weights.final * distance(
                told.final_BD.unsqueeze(0), targets.final_RD.unsqueeze(0)
            )
        if targets.motion_KRPD is not None and told.motion_KBLD is not None:
            motion_KRPD = project(told.motion_KBLD, self._projections[1])
            terms["motion"] = weights.motion * distance(motion_KRPD, targets.motion_KRPD)
        return terms

    def after_step(self) -> None:
        """Let teachers that follow the student do so."""
        for teacher in self._followers().values():
            teacher.follow(self.model)

    def tensors(self) -> dict[str, Tensor]:
        """The weights of teachers that follow the student, as `<setting>/<parameter>`."""
        return {
            f"{setting}/{name}": tensor
            for setting, teacher in self._followers().items()
            for name, tensor in teacher.tensors().items()
        }

    def close(self) -> None:
        """Finish writing targets."""
        if self.cache is not None:
            self.cache.close()

    def _followers(self) -> dict[str, EmaTeacher]:
        following = [name for name, teacher in self._config.teachers().items() if teacher.kind == "ema"]
        loaded = {name: self._teachers[name].loaded for name in following}
        return {name: teacher for name, teacher in loaded.items() if isinstance(teacher, EmaTeacher)}


def distance(told: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of vectors of length 1 (last dimension), 2 - 2 cos, in float32."""
    # Layer by layer, for the products of all of them are as large as the features of a whole batch.
    pairs = zip(told.unbind(), target.unbind(), strict=True)
    cosines = torch.stack([(one.float() * other).sum(dim=-1).mean() for one, other in pairs])
    return 2 - 2 * cosines.mean()

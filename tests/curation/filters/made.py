"""Clips for the filters whose truth is known, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import cv2
import numpy as np

from curation.base.workspace import Workspace
from curation.filters.base import FilterStage
from curation.filters.config import FiltersConfig
from curation.filters.stages import filter_stages
from curation.records import Clip, CutClip, Score
from tests.captioning.measured_clips import clip_of_frames

WIDTH, HEIGHT = 456, 256
FPS = 24


def as_cut(clip: Clip) -> CutClip:
    return CutClip(**{field.name: getattr(clip, field.name) for field in fields(CutClip)})


def texture(seed: int = 0) -> np.ndarray:
    """Random colours with detail of several sizes, 900 x 1600 (BGR)."""
    random = np.random.default_rng(seed)
    total = np.zeros((900, 1600, 3), np.float32)
    for cell_px in (8, 24, 80):
        coarse = random.random((900 // cell_px + 1, 1600 // cell_px + 1, 3)).astype(np.float32)
        total += cv2.resize(coarse, (1600, 900), interpolation=cv2.INTER_CUBIC)
    return np.clip(total * 85, 0, 255).astype(np.uint8)


def panned(seconds: float, px_per_s: float, fps: float = FPS, seed: int = 0) -> list[np.ndarray]:
    """A camera that pans over a texture."""
    ground = texture(seed)
    views = []
    for number in range(round(seconds * fps)):
        moved = np.array([[1, 0, -50 - px_per_s * number / fps], [0, 1, -100]], np.float32)
        views.append(cv2.warpAffine(ground, moved, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR))
    return views


def made(workspace: Workspace, views: Sequence[np.ndarray], fps: float = FPS, **rest: object) -> CutClip:
    return as_cut(clip_of_frames(workspace, views, fps, **rest))


def stage_of(name: str, workspace: Workspace, **section: object) -> FilterStage:
    config = FiltersConfig.model_validate({name: section})
    (stage,) = (stage for stage in filter_stages(config, workspace) if stage.filter == name)
    stage.setup()
    return stage


def score_of(name: str, clip: CutClip, workspace: Workspace, **section: object) -> Score:
    (score,) = stage_of(name, workspace, **section)([clip])
    assert isinstance(score, Score)
    assert (score.clip_id, score.filter) == (clip.clip_id, name)
    assert score.value == round(score.value, 4)
    return score

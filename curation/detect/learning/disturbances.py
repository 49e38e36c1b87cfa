"""Disturbances: what happens within a shot, looks like a transition, and is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning import camera, damage, intruders, lighting
from curation.detect.learning.draws import Shares, log_uniform
from curation.detect.learning.episode import Episode, Happen

NEAR_TRANSITION_SHARE = 0.2
"""How often a disturbance is put one frame from the beginning or the end of its shot."""


@dataclass(frozen=True)
class Disturbance:
    """A kind of disturbance: its share of all, how many frames it takes, how often it lasts to the end
    of the shot instead, and what it does."""

    name: str
    share: float
    shortest: int
    longest: int
    lasts: float
    happen: Happen


DISTURBANCES = (
    Disturbance("flashes", 0.14, 1, 30, 0, lighting.flashes),
    Disturbance("blackouts", 0.02, 1, 3, 0, lighting.blackouts),
    Disturbance("strobe", 0.06, 6, 60, 0, lighting.strobe),
    Disturbance("exposure", 0.06, 3, 60, 0.6, lighting.exposure),
    Disturbance("white_balance", 0.03, 3, 60, 0.6, lighting.white_balance),
    Disturbance("tint", 0.04, 2, 50, 0.4, lighting.tint),
    Disturbance("flicker", 0.04, 8, 100, 0.5, lighting.flicker),
    Disturbance("moving_light", 0.03, 5, 40, 0, lighting.moving_light),
    Disturbance("whip_pan", 0.08, 5, 24, 0.5, camera.whip_pan),
    Disturbance("shake", 0.06, 4, 60, 0.3, camera.shake),
    Disturbance("slow_zoom", 0.03, 8, 100, 0.6, camera.slow_zoom),
    Disturbance("focus_pull", 0.03, 6, 50, 0.2, camera.focus_pull),
    Disturbance("freeze", 0.03, 2, 20, 0, camera.freeze),
    Disturbance("stutter", 0.03, 4, 60, 0.3, camera.stutter),
    Disturbance("jump_ahead", 0.04, 6, 30, 0, camera.jump_ahead),
    Disturbance("object_pops", 0.07, 2, 50, 0.4, intruders.object_pops),
    Disturbance("occluder", 0.06, 4, 30, 0, intruders.occluder),
    Disturbance("caption", 0.07, 8, 80, 0.4, intruders.caption),
    Disturbance("logo", 0.01, 8, 80, 0.5, intruders.logo),
    Disturbance("picture_in_picture", 0.03, 6, 60, 0.4, intruders.picture_in_picture),
    Disturbance("keyframe_pulse", 0.03, 12, 100, 0.6, damage.keyframe_pulse),
    Disturbance("broken_blocks", 0.015, 1, 4, 0, damage.broken_blocks),
    Disturbance("torn_frames", 0.015, 1, 4, 0, damage.torn_frames),
    Disturbance("negative", 0.01, 1, 3, 0, damage.negative),
)

_DISTURBANCE_SHARES = Shares([(each, each.share) for each in DISTURBANCES])
_REVERSED_SHARE = 0.4


def disturbed(
    rng: np.random.Generator, frames: Frames, whole: tuple[int, int], foreign: Callable[[int], Frames]
) -> tuple[Frames, tuple[int, int, str] | None]:
    """A shot with a disturbance drawn at random, and (first frame, last frame, name) of it.

    Args:
        rng: where the draws come from.
        frames: the shot [frames, height, width, 3], mixed frames of its transitions included.
        whole: [start, end) of the frames that belong to this shot only. The first and the last of
            them are left alone, except by what lasts until the shot is over.
        foreign: returns so many frames of another shot.

    Returns:
        the shot as it came, and None, where it is too short for what was drawn.
    """
    kind = _DISTURBANCE_SHARES.draw(rng)
    start, end = whole[0] + 1, whole[1] - 1
    if end - start < kind.shortest:
        return frames, None
    num = log_uniform(rng, kind.shortest, min(kind.longest, end - start))
    first = int(rng.integers(start, end - num + 1))
    if rng.random() < NEAR_TRANSITION_SHARE:
        first = start if rng.random() < 0.5 else end - num
    lasts = rng.random() < kind.lasts
    backwards = rng.random() < _REVERSED_SHARE
    after = first + num
    if lasts:
        first, after = (0, after) if backwards else (first, len(frames))
    result = frames.copy()
    result[first:after] = _happened(rng, kind, frames[first:after], lasts, backwards, foreign)
    return result, (first, after - 1, kind.name)


def _happened(
    rng: np.random.Generator,
    kind: Disturbance,
    frames: Frames,
    lasts: bool,
    backwards: bool,
    foreign: Callable[[int], Frames],
) -> Frames:
    if not backwards:
        return kind.happen(rng, Episode(frames, lasts, foreign))
    return kind.happen(rng, Episode(frames[::-1], lasts, foreign))[::-1]

"""Which shots show the same scene."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

from curation.records import Extent, Shot

Scene: TypeAlias = tuple[Shot, ...]
"""Shots that follow one another without a gap, in order of time."""


def could_join(left: Shot, right: Shot) -> bool:
    """Whether nothing lies between two shots but a cut, with a picture on either side of it.

    A transition of several frames would lie inside the clip, and all black frames are alike.
    """
    return (
        right.opened_by == "cut"
        and left.stream == right.stream
        and left.end_pts == right.start_pts
        and left.last_frame + 1 == right.start_frame
        and left.lit is not None
        and right.lit is not None
        and left.lit.end_pts == left.end_pts
        and right.lit.start_pts == right.start_pts
    )


def scenes(shots: Sequence[Shot], joined: Collection[str]) -> list[Scene]:
    """Shots in order of time, those whose ids are `joined` added to the one before."""
    found: list[Scene] = []
    for shot in shots:
        if shot.shot_id in joined:
            found[-1] = (*found[-1], shot)
        else:
            found.append((shot,))
    return found


def lit_extent(scene: Scene) -> Extent | None:
    """A scene without black frames at its edges, None where all are black."""
    first, last = scene[0].lit, scene[-1].lit
    if first is None or last is None:
        return None
    return Extent(
        start_pts=first.start_pts,
        end_pts=last.end_pts,
        start_frame=first.start_frame,
        last_frame=last.last_frame,
    )


def shots_in(scene: Scene, extent: Extent) -> Scene:
    """The shots that have a frame in a stretch."""
    return tuple(
        shot for shot in scene if shot.start_pts < extent.end_pts and extent.start_pts < shot.end_pts
    )


def motion_of(scene: Scene) -> float:
    """Mean motion of a scene's shots, weighted by their frames; the cuts between them do not count."""
    frames = [num_frames(shot) for shot in scene]
    return sum(shot.motion * count for shot, count in zip(scene, frames, strict=True)) / sum(frames)


def num_frames(stretch: Extent | Shot) -> int:
    """How many frames a stretch has."""
    return stretch.last_frame - stretch.start_frame + 1

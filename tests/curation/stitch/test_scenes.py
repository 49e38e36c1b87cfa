"""Which shots become one clip, and where it begins and ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.base.ids import clip_id
from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.records import Shot
from curation.stitch.config import StitchConfig
from curation.stitch.scenes import could_join
from tests.curation.stitch.made import shot, stitch

LEFT = shot(0, 99, opened_by="start")
RIGHT = shot(100, 199)


def test_shots_of_one_scene_become_one_clip(workspace: Workspace) -> None:
    shots = [LEFT, shot(100, 149, motion=5.0), shot(150, 249, scene=1)]
    (joined, other), rejects = stitch(shots, workspace)
    assert rejects == []
    assert joined.shot_ids == ("shot0", "shot100")
    assert (joined.start_frame, joined.last_frame, joined.start_pts, joined.end_pts) == (0, 149, 0, 6000)
    assert (joined.start_s, joined.end_s, joined.motion) == (0.0, 6.0, 3.0)
    assert joined.clip_id == clip_id("v", 0, 0, 6000, "1/1000")
    assert (other.shot_ids, other.start_frame, other.last_frame) == (("shot150",), 150, 249)


def test_the_order_of_shots_does_not_matter(workspace: Workspace) -> None:
    shots = [LEFT, RIGHT, shot(200, 299, scene=1), shot(300, 399, scene=2)]
    assert stitch(shots, workspace) == stitch(shots[::-1], workspace)


def test_without_an_embedding_nothing_is_joined(workspace: Workspace) -> None:
    clips, _ = stitch([LEFT, RIGHT], workspace, StitchConfig(embedding=None))
    assert [clip.shot_ids for clip in clips] == [("shot0",), ("shot100",)]


@pytest.mark.parametrize(
    "right",
    [
        replace(RIGHT, opened_by="gradual"),
        shot(110, 199),
        replace(RIGHT, start_pts=RIGHT.start_pts + 1),
        replace(RIGHT, stream=1),
        shot(100, 199, black=(1, 0)),
        shot(100, 199, black=(100, 0)),
    ],
    ids=["gradual", "frames between", "time between", "stream", "black first", "all black"],
)
def test_what_is_never_joined(right: Shot, workspace: Workspace) -> None:
    assert could_join(LEFT, RIGHT)
    assert not could_join(LEFT, right)
    clips, _ = stitch([LEFT, right], workspace)
    assert all(len(clip.shot_ids) == 1 for clip in clips)


def test_a_shot_that_ends_black_is_not_joined(workspace: Workspace) -> None:
    assert not could_join(shot(0, 99, black=(0, 1)), RIGHT)


def test_black_edges_are_trimmed_on_the_outside(workspace: Workspace) -> None:
    shots = [shot(0, 99, opened_by="start", black=(10, 0)), shot(100, 199, black=(0, 25))]
    (clip,), rejects = stitch(shots, workspace)
    assert rejects == []
    assert (clip.start_frame, clip.last_frame, clip.start_pts, clip.end_pts) == (10, 174, 400, 7000)
    assert clip.shot_ids == ("shot0", "shot100")


def test_shots_that_are_black_or_too_short_without_black_are_rejected(workspace: Workspace) -> None:
    shots = [shot(0, 99, black=(100, 0)), shot(100, 199, black=(51, 0))]
    clips, (black, short) = stitch(shots, workspace)
    assert clips == []
    assert (black.reason, black.rejected_id, black.parent_id) == (Reason.ALL_BLACK, "shot0", "shot0")
    assert (short.reason, short.parent_id) == (Reason.TOO_SHORT, "shot100")
    assert short.rejected_id == clip_id("v", 0, 6040, 8000, "1/1000")
    assert short.detail == (
        "'film.mp4' has a clip of 1.96 s at 6.04 s, shorter than min_s = 2; lower min_s to keep it"
    )


def test_a_joined_scene_that_is_too_short_is_a_reject_of_each_shot(workspace: Workspace) -> None:
    clips, rejects = stitch([shot(0, 19), shot(20, 48), shot(49, 99, scene=1)], workspace)
    assert [clip.shot_ids for clip in clips] == [("shot49",)]
    assert [(each.reason, each.parent_id) for each in rejects] == [
        (Reason.TOO_SHORT, "shot0"),
        (Reason.TOO_SHORT, "shot20"),
    ]
    assert len({each.rejected_id for each in rejects}) == 1


def test_short_shots_of_one_scene_are_long_enough_together(workspace: Workspace) -> None:
    (clip,), rejects = stitch([shot(0, 24), shot(25, 49)], workspace)
    assert (clip.last_frame, rejects) == (49, [])

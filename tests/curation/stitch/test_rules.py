"""Still and extremely dynamic clips, and settings that contradict each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.embedding.clip_model import ClipModelConfig
from curation.stitch.config import StitchConfig
from tests.curation.stitch.made import shot, stitch


@pytest.mark.parametrize(
    ("motion", "reason"),
    [(0.0, Reason.STILL), (0.0299, Reason.STILL), (0.03, None), (40.0, None), (40.0001, Reason.TOO_DYNAMIC)],
)
def test_still_and_extremely_dynamic_clips_are_rejected(
    motion: float, reason: Reason | None, workspace: Workspace
) -> None:
    clips, rejects = stitch([shot(0, 99, motion=motion)], workspace)
    assert [each.reason for each in rejects] == ([] if reason is None else [reason])
    assert [clip.motion for clip in clips] == ([motion] if reason is None else [])
    for each in rejects:
        assert f"would differ by {motion:g} of 255" in each.detail


def test_motion_is_judged_at_25_frames_per_second(workspace: Workspace) -> None:
    """The same 100 frames in 2 s instead of 4 s: twice the motion."""
    slow = shot(0, 99, motion=0.02)
    assert slow.lit is not None
    fast = replace(slow, end_pts=2000, lit=replace(slow.lit, end_pts=2000))
    assert stitch([slow], workspace)[1][0].reason is Reason.STILL
    (clip,), _ = stitch([fast], workspace)
    assert clip.motion == 0.02


def test_a_scene_is_judged_as_a_whole(workspace: Workspace) -> None:
    (clip,), rejects = stitch([shot(0, 99, motion=0.0), shot(100, 199, motion=0.1)], workspace)
    assert (clip.motion, rejects) == (0.05, [])


def test_limits_are_settings(workspace: Workspace) -> None:
    config = StitchConfig(min_s=0, min_motion=0, max_motion=300)
    clips, rejects = stitch([shot(0, 0, motion=0.0), shot(1, 99, scene=1, motion=255.0)], workspace, config)
    assert (len(clips), rejects) == (2, [])


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"max_s = 3\.0 is less than twice min_s = 2\.0.*Set max_s to 4\.0"):
        StitchConfig(max_s=3.0)
    with pytest.raises(ValueError, match=r"max_motion = 1\.0 is not above min_motion = 2\.0"):
        StitchConfig(min_motion=2.0, max_motion=1.0)


def test_the_least_similarity_suits_the_embedding() -> None:
    model = ClipModelConfig(model="/models/clip")
    assert StitchConfig().similarity_bound == 0.96
    assert StitchConfig(embedding=model).similarity_bound == 0.82
    assert StitchConfig(embedding=model, min_similarity=0.5).similarity_bound == 0.5

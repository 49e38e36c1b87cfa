"""Scenes longer than a clip may be, on a real video of variable frame rate."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation.base.rejects import Reason
from curation.base.workspace import Workspace
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import DecodedFrame, MediaStream, Sandbox
from curation.records import PlannedClip, SourceVideo
from curation.stitch.config import StitchConfig
from curation.stitch.footage import Footage
from tests.curation.media.made import make
from tests.curation.stitch.made import decoded, probed, shots_at, stitch
from tests.footage import make_video

SHORT = {"min_s": 0.5, "max_s": 2.5, "embedding": None}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 s at 25 frames per second, but at a third of that between 2 s and 5 s."""
    folder = tmp_path_factory.mktemp("long")
    make_video(folder / "steady.mp4", seed=0, shots=1, shot_s=8.0, sound=False)
    chosen = "select='lt(t,2)+gt(t,5)+not(mod(n,3))'"
    return make(
        folder / "variable.mp4",
        *("-i", str(folder / "steady.mp4"), "-vf", chosen, "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "30"),
    )


@pytest.fixture
def source(video: Path, workspace: Workspace) -> SourceVideo:
    return probed(video, workspace)


def check_frames(clip: PlannedClip, frames: list[DecodedFrame]) -> None:
    assert clip.start_pts == frames[clip.start_frame].pts
    if clip.last_frame + 1 < len(frames):
        assert clip.end_pts == frames[clip.last_frame + 1].pts


def test_a_long_shot_is_divided_at_its_frames(source: SourceVideo, workspace: Workspace) -> None:
    frames = decoded(source)
    shots = shots_at(source, frames, [])
    clips, rejects = stitch(shots, workspace, StitchConfig(**SHORT), source)
    assert rejects == []
    assert len(clips) == 4
    assert (clips[0].start_frame, clips[-1].last_frame) == (0, len(frames) - 1)
    assert (clips[0].start_pts, clips[-1].end_pts) == (shots[0].start_pts, shots[0].end_pts)
    for clip in clips:
        check_frames(clip, frames)
        assert clip.end_s - clip.start_s == pytest.approx(2.0, abs=0.13)
        assert clip.shot_ids == (shots[0].shot_id,)
        assert clip.motion == shots_at(source, frames[clip.start_frame : clip.last_frame + 1], [])[0].motion
    for left, right in itertools.pairwise(clips):
        assert (left.end_pts, left.last_frame + 1) == (right.start_pts, right.start_frame)


def test_a_random_piece_is_always_the_same(source: SourceVideo, workspace: Workspace) -> None:
    frames = decoded(source)
    shots = shots_at(source, frames, [])
    found = []
    for seed in (0, 1, 0):
        (clip,), (rest,) = stitch(shots, workspace, StitchConfig(long="random", seed=seed, **SHORT), source)
        check_frames(clip, frames)
        assert 2.3 < clip.end_s - clip.start_s <= 2.5
        assert (rest.reason, rest.rejected_id, rest.parent_id) == (Reason.NOT_CHOSEN, *[shots[0].shot_id] * 2)
        found.append(clip)
    assert found[0] == found[2] != found[1]


def test_pieces_name_the_shots_they_show(source: SourceVideo, workspace: Workspace) -> None:
    """A cut within a scene belongs to the piece around it, and is no motion."""
    frames = decoded(source)
    config = StitchConfig(min_similarity=-1, min_s=0.5, max_s=2.5)
    shots = shots_at(source, frames, [10, 20])
    clips, rejects = stitch(shots, workspace, config, source)
    assert rejects == []
    assert clips[0].shot_ids == tuple(each.shot_id for each in shots)
    assert all(clip.shot_ids == (shots[2].shot_id,) for clip in clips[1:])
    whole, _ = stitch(shots_at(source, frames, []), workspace, config, source)
    assert [clip.clip_id for clip in clips] == [clip.clip_id for clip in whole]
    assert clips[0].motion != whole[0].motion

    (drawn,), rest = stitch(shots, workspace, config.model_copy(update={"long": "random"}), source)
    left_out = {each.shot_id for each in shots} - set(drawn.shot_ids)
    assert {each.parent_id for each in rest} == left_out | {shots[2].shot_id}


def test_a_still_piece_of_a_lively_scene_is_rejected(workspace: Workspace, tmp_path: Path) -> None:
    make_video(tmp_path / "steady.mp4", seed=0, shots=1, shot_s=4.0, sound=False)
    path = make(
        tmp_path / "frozen.mp4",
        *("-i", str(tmp_path / "steady.mp4"), "-vf", "tpad=stop_mode=clone:stop_duration=4"),
        *("-c:v", "libx264", "-preset", "ultrafast"),
    )
    source = probed(path, workspace)
    shots = shots_at(source, decoded(source), [])
    clips, (still, *others) = stitch(shots, workspace, StitchConfig(**SHORT), source)
    assert len(clips) + 1 + len(others) == 4
    assert {still.reason, *(each.reason for each in others)} == {Reason.STILL}
    assert clips[-1].end_s <= 6.0
    assert still.rejected_id != still.parent_id == shots[0].shot_id


def test_a_source_that_is_not_what_the_detector_saw_is_rejected(
    source: SourceVideo, workspace: Workspace
) -> None:
    (shot,) = shots_at(source, decoded(source), [])
    assert shot.lit is not None
    wrong = replace(shot, lit=replace(shot.lit, last_frame=shot.last_frame + 5))
    clips, (reject,) = stitch([wrong], workspace, StitchConfig(**SHORT), source)
    assert (clips, reject.reason, reject.rejected_id) == ([], Reason.DECODE_FAILED, shot.shot_id)
    assert "not the" in reject.detail


class OtherAfterSeeking(Sandbox):
    """Times of frames that depend on where decoding began."""

    from_start = 0

    def frames(self, *args: Any, start_pts: int | None = None, **kwargs: Any) -> MediaStream[DecodedFrame]:
        self.from_start += start_pts is None
        return super().frames(*args, start_pts=None if start_pts is None else start_pts + 1, **kwargs)


def test_frames_that_a_seek_loses_are_decoded_from_the_start(
    source: SourceVideo, workspace: Workspace
) -> None:
    frames = decoded(source)
    extent = shots_at(source, frames, [60])[1].lit
    assert extent is not None
    timeline = Footage(source, workspace, OtherAfterSeeking(DEFAULT_LIMITS)).timeline(extent)
    assert list(timeline.frame_pts) == [frame.pts for frame in frames[60:]]


def test_one_decode_from_the_start_serves_all_that_a_seek_loses(
    source: SourceVideo, workspace: Workspace
) -> None:
    frames = decoded(source)
    extents = [shot.lit for shot in shots_at(source, frames, [30, 60, 90])]
    sandbox = OtherAfterSeeking(DEFAULT_LIMITS)
    footage = Footage(source, workspace, sandbox)
    expected = Footage(source, workspace, Sandbox(DEFAULT_LIMITS))
    for extent in extents:
        assert extent is not None
        assert footage.timeline(extent) == expected.timeline(extent)
    assert sandbox.from_start == 1


def test_the_last_frame_of_a_shot_is_found_however_long_it_is_shown(
    video: Path, workspace: Workspace, tmp_path: Path
) -> None:
    path = make(
        tmp_path / "gap.mp4",
        *("-i", str(video), "-vf", "select='not(between(t,3,6))'", "-fps_mode", "passthrough"),
        *("-c:v", "libx264", "-preset", "ultrafast"),
    )
    source = probed(path, workspace)
    frames = decoded(source)
    cut = next(
        number for number, frame in enumerate(frames) if frame.pts * Fraction(source.video.time_base) >= 6
    )
    left, right = shots_at(source, frames, [cut])
    found = Footage(source, workspace, Sandbox(DEFAULT_LIMITS)).facing(left, right, 9)
    large = decoded(source, 16, 9)
    assert found is not None
    for image, number in zip(found, (cut - 1, cut), strict=True):
        np.testing.assert_array_equal(image, large[number].image)

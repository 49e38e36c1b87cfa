"""The frames that the detector saw are the frames in the clips, whatever the source is like."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from curation.cut.config import CutConfig
from tests.curation.cut.exactness import frames_for_encoders
from tests.curation.cutting import (
    X264,
    all_clips,
    check_clips,
    cut,
    detected,
    pieces_of,
    plans_of,
    probed,
    source_frames,
    whole,
)
from tests.curation.media.made import make, moving_picture, tone

FOOTAGE = [
    "multi_shot/big_buck_bunny_480p.mp4",
    "multi_shot/nasa_13013.mp4",
    "multi_shot/sintel.mp4",
    "odd/av1_video.mkv",
    "odd/corrupted.mp4",
    "odd/h264_10bits.mp4",
    "odd/h265_10bits.mp4",
    "odd/no_duration.webm",
    "odd/rotated_180_vfr.mp4",
    "odd/sample_fragmented.mp4",
    "odd/sample_mdat_too_long.mp4",
    "odd/sample_missing_stsd.mp4",
    "odd/sample_rotate_and_reflect.mp4",
    "odd/sample_with_color_info.mp4",
    "odd/silent-black-10s.mp4",
    "odd/transparent.webm",
    "odd/unordered.mov",
    "odd/video_90.mov",
    "odd/video_with_failing_audio.mp4",
    "single_shot/bottle-detection.mp4",
    "single_shot/chaplin.mp4",
    "single_shot/flipping_a_pancake.mkv",
    "single_shot/flower.mp4",
    "single_shot/friday.mp4",
    "single_shot/pig.webm",
    "single_shot/rabbit320.mp4",
    "single_shot/talking_head_60fps.mp4",
]
"""All shared footage with a picture that the probe takes."""

BARS_KEPT = CutConfig(trim_bars=False)


@pytest.mark.parametrize("name", FOOTAGE)
def test_encoders_are_given_the_frames_that_the_detector_saw(
    name: str, shared_media: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = probed(shared_media / name, workspace)
    frames = source_frames(source)
    shots = detected(source, workspace)
    given = frames_for_encoders(source, plans_of(source, shots), monkeypatch)
    for shot, seen in zip(shots, given, strict=True):
        expected = frames[shot.start_frame : shot.last_frame + 1]
        assert [pts for pts, _ in seen] == [frame.pts for frame in expected]
        assert sha256(seen[0][1]).digest() == sha256(shot.first_image).digest()
        assert sha256(seen[-1][1]).digest() == sha256(shot.last_image).digest()
        assert [image for _, image in seen] == [frame.image.tobytes() for frame in expected]


@pytest.mark.parametrize(
    "name", [name for name in FOOTAGE if name.startswith(("odd", "multi", "single_shot/pig"))]
)
def test_clips_from_shot_to_shot_hold_every_frame_once(
    name: str, shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    source = probed(shared_media / name, workspace)
    frames = source_frames(source)
    starts = [shot.start_frame for shot in detected(source, workspace)]
    plans = pieces_of(source, frames, [0, *starts[1:], len(frames)])
    clips = all_clips(cut(source, plans, workspace, BARS_KEPT))
    assert sum(clip.num_frames for clip in clips) == len(frames)
    for plan, clip in zip(plans, clips, strict=True):
        assert (clip.plan_id, clip.clip_id, clip.shot_ids) == (plan.clip_id, plan.clip_id, plan.shot_ids)
        assert (clip.start_pts, clip.end_pts) == (plan.start_pts, plan.end_pts)
        assert clip.num_frames == plan.last_frame - plan.start_frame + 1
    check_clips(clips, source, workspace, tmp_path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("late.mkv", ("-output_ts_offset", "100")),
        ("late.ts", ()),
        ("program.mpg", ("-c:v", "mpeg2video", "-c:a", "mp2")),
        ("flash.flv", ("-c:a", "aac", "-ar", "44100")),
        ("old.avi", ("-c:v", "mpeg4", "-bf", "0", "-c:a", "mp3")),
        ("open_gop.mp4", ("-x264-params", "open-gop=1:scenecut=0", "-g", "60", "-bf", "3")),
        ("odd_base.mov", ("-r", "24000/1001", "-video_track_timescale", "24000")),
        ("uneven.mp4", ("-vf", "select='not(mod(n,3))+gt(mod(n,7),4)'", "-fps_mode", "passthrough")),
    ],
)
def test_clips_inside_sources_of_all_kinds(
    name: str,
    options: tuple[str, ...],
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neighbours, a distant clip that calls for a seek of its own, and one of a single frame at the end."""
    path = make(tmp_path / name, *moving_picture(seconds=40), *tone(40), *X264, *options)
    source = probed(path, workspace)
    frames = source_frames(source)
    late = len(frames) * 9 // 10
    bounds = [3, 20, 21, 41, late, late + 30, len(frames) - 1, len(frames)]
    pieces = pieces_of(source, frames, bounds)
    plans = [*pieces[:3], *pieces[4:5], pieces[6]]
    clips = all_clips(cut(source, plans, workspace))
    assert [clip.num_frames for clip in clips] == [17, 1, 20, 30, 1]
    assert all(clip.audio is not None for clip in clips[:4])
    check_clips(clips, source, workspace, tmp_path)
    for plan, seen in zip(plans, frames_for_encoders(source, plans, monkeypatch), strict=True):
        expected = frames[plan.start_frame : plan.last_frame + 1]
        assert seen == [(frame.pts, frame.image.tobytes()) for frame in expected]


def test_a_picture_that_changes_its_size_midway(workspace: Workspace, tmp_path: Path) -> None:
    first = make(tmp_path / "1.ts", *moving_picture(seconds=3), *X264, "-bf", "0")
    second = make(
        tmp_path / "2.ts", *moving_picture("640x360", seconds=3), *X264, "-bf", "0", "-output_ts_offset", "3"
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    source = probed(both, workspace)
    frames = source_frames(source)
    assert len(frames) == 150
    (clip,) = all_clips(cut(source, [whole(source, frames)], workspace))
    assert clip.num_frames == 150
    across = all_clips(cut(source, pieces_of(source, frames, [0, 50, 110, 150]), workspace))
    assert [clip.num_frames for clip in across] == [50, 60, 40]

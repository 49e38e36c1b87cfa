"""The frames that the detector saw are the frames in the clips, whatever the source is like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curation.base.workspace import Workspace
from curation.cut.graph import ClipFiles, Rendering, SourceFile, clip_command
from curation.cut.rules import Span
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.records import Clip
from tests.curation.cutting import X264, check_clips, cut, detected, probed, source_frames, whole_shot
from tests.curation.media.made import make, moving_picture, tone

ODD_FILES = [
    "odd/av1_video.mkv",
    "odd/corrupted.mp4",
    "odd/h264_10bits.mp4",
    "odd/h265_10bits.mp4",
    "odd/no_duration.webm",
    "odd/rotated_180_vfr.mp4",
    "odd/sample_fragmented.mp4",
    "odd/sample_rotate_and_reflect.mp4",
    "odd/sample_with_color_info.mp4",
    "odd/silent-black-10s.mp4",
    "odd/transparent.webm",
    "odd/unordered.mov",
    "odd/video_90.mov",
    "odd/video_with_failing_audio.mp4",
    "single_shot/pig.webm",
]


@pytest.mark.parametrize(
    "name", ["multi_shot/nasa_13013.mp4", "multi_shot/sintel.mp4", "multi_shot/big_buck_bunny_480p.mp4"]
)
def test_the_frames_the_detector_saw_are_the_frames_in_the_clips(
    name: str, shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    source = probed(shared_media / name, workspace)
    shots = detected(source, workspace)
    clips = cut(source, shots, workspace)
    frames = source_frames(source)
    assert len(clips) == len(shots)
    for shot, clip in zip(shots, clips, strict=True):
        assert isinstance(clip, Clip)
        assert clip.shot_ids == (shot.shot_id,)
        assert (clip.start_pts, clip.end_pts) == (frames[shot.start_frame].pts, shot.end_pts)
        assert clip.num_frames == shot.last_frame - shot.start_frame + 1
    check_clips(clips, source, workspace, tmp_path)


@pytest.mark.parametrize("name", ODD_FILES)
def test_odd_sources_are_cut_frame_by_frame(
    name: str, shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    source = probed(shared_media / name, workspace)
    frames = source_frames(source)
    check_clips(cut(source, [whole_shot(source, frames)], workspace), source, workspace, tmp_path)


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
    name: str, options: tuple[str, ...], workspace: Workspace, tmp_path: Path
) -> None:
    path = make(tmp_path / name, *moving_picture(seconds=24), *tone(24), *X264, *options)
    source = probed(path, workspace)
    frames = source_frames(source)
    pts = [frame.pts for frame in frames]
    middle = len(frames) * 4 // 5
    shot = replace(
        whole_shot(source, frames),
        start_pts=pts[middle],
        end_pts=pts[middle + 40],
        start_frame=middle,
        last_frame=middle + 39,
    )
    (clip,) = cut(source, [shot], workspace)
    assert isinstance(clip, Clip), clip
    assert clip.num_frames == 40
    assert clip.audio is not None
    check_clips([clip], source, workspace, tmp_path)


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
    (clip,) = cut(source, [whole_shot(source, frames)], workspace)
    assert isinstance(clip, Clip), clip
    assert clip.num_frames == 150


def test_a_seek_gives_the_bytes_that_a_decode_from_the_start_gives(
    shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    for name in ("multi_shot/big_buck_bunny_480p.mp4", "multi_shot/nasa_13013.mp4"):
        record = probed(shared_media / name, workspace)
        source = SourceFile(record, shared_media / name, DecodeLimits())
        shot = detected(record, workspace)[-1]
        span = Span(shot.start_pts, shot.end_pts)
        rendering = Rendering((456, 256), (456, 256), 12, 23, [0])
        seek_s = source.seek_s(shot.start_pts)
        assert seek_s is not None
        forms = []
        for number, start_s in enumerate((seek_s, None)):
            files = ClipFiles(tmp_path / f"{Path(name).stem}{number}")
            files.folder.mkdir()
            Sandbox(DecodeLimits()).ffmpeg(clip_command(source, span, rendering, files, start_s))
            forms.append((files.video.read_bytes(), files.frame(0).read_bytes()))
        assert forms[0] == forms[1]

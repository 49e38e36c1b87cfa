"""The cut: which clips and rejects come out, what their media are, and that they repeat."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from curation.base.ids import clip_id
from curation.base.media_store import MediaRef
from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.records import Clip
from tests.curation.cutting import (
    X264,
    check_clips,
    clips_of,
    cut,
    detected,
    probed,
    source_frames,
    whole_shot,
)
from tests.curation.media.made import make, moving_picture, tone


def test_the_form_is_made_to_be_sampled(shared_media: Path, workspace: Workspace) -> None:
    clip = clips_of(shared_media / "multi_shot/nasa_13013.mp4", workspace)[0]
    assert clip.keyframes == tuple(range(0, 150, 15))
    assert (clip.width_px, clip.height_px, clip.fps) == (456, 256, 29.97)
    data = workspace.media.read(clip.video)
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(io.BytesIO(data)) as media:
        stream = media.streams.video[0]
        assert not stream.codec_context.has_b_frames
        assert media.metadata.get("encoder") is None
        assert media.metadata.get("creation_time") is None
        assert all(packet.pts == packet.dts for packet in media.demux(stream) if packet.size)


@contextmanager
def busy_machine() -> Iterator[None]:
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def test_media_repeat_byte_for_byte_under_load(shared_media: Path, tmp_path: Path) -> None:
    path = shared_media / "multi_shot/nasa_13013.mp4"
    runs = []
    for name in ("idle", "busy"):
        workspace = Workspace.open(str(tmp_path / name), str(tmp_path / "scratch"))
        with busy_machine() if name == "busy" else nullcontext():
            runs.append(clips_of(path, workspace))
    assert [clip.digest() for clip in runs[0]] == [clip.digest() for clip in runs[1]]
    assert all(clip.audio is not None for clip in runs[0])


def samples(ref: MediaRef, workspace: Workspace) -> np.ndarray:
    with av.open(io.BytesIO(workspace.media.read(ref)), format="flac") as media:
        stream = media.streams.audio[0]
        assert (stream.rate, stream.layout.name) == (16000, "mono")
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in media.decode(stream)]) / 32768


def test_sound_lies_where_it_does_in_the_source(shared_media: Path, workspace: Workspace) -> None:
    path = shared_media / "multi_shot/nasa_13013.mp4"
    source = probed(path, workspace)
    assert source.audio is not None
    for clip in clips_of(path, workspace):
        assert clip.audio is not None
        ours = samples(clip.audio, workspace)
        chunks = Sandbox(DecodeLimits()).audio(
            path, source.container, source.audio.index, start_s=clip.start_s, end_s=clip.end_s
        )
        theirs = np.concatenate(list(chunks))
        assert abs(len(ours) - len(theirs)) <= 16
        assert abs(len(ours) / 16000 - clip.duration_s) < 0.002
        length = min(len(ours), len(theirs))
        assert np.corrcoef(ours[:length], theirs[:length])[0, 1] > 0.99


def test_sound_that_begins_late_and_ends_early(workspace: Workspace, tmp_path: Path) -> None:
    path = make(
        tmp_path / "late.mp4",
        *moving_picture(seconds=9),
        "-itsoffset",
        "2",
        *tone(3.5),
        *X264,
        "-map",
        "0",
        "-map",
        "1",
    )
    source = probed(path, workspace)
    frames = source_frames(source)
    shot = whole_shot(source, frames)
    thirds = [
        replace(
            shot,
            shot_id=str(part),
            start_pts=frames[75 * part].pts,
            end_pts=frames[75 * part + 75].pts if part < 2 else shot.end_pts,
            start_frame=75 * part,
            last_frame=75 * part + 74,
        )
        for part in range(3)
    ]
    first, second, third = cut(source, thirds, workspace)
    assert isinstance(first, Clip)
    assert first.audio is not None
    sound = samples(first.audio, workspace)
    assert np.abs(sound[: 16000 * 19 // 10]).max() < 1e-3
    assert np.abs(sound[16000 * 21 // 10 :]).max() > 0.05
    assert abs(len(sound) - 48000) <= 16
    assert isinstance(second, Clip)
    assert second.audio is not None
    assert abs(len(samples(second.audio, workspace)) - 40000) <= 1024
    assert isinstance(third, Clip)
    assert third.audio is None


def test_a_source_without_sound_gives_no_flac(shared_media: Path, workspace: Workspace) -> None:
    (clip,) = clips_of(shared_media / "odd/h264_10bits.mp4", workspace)
    assert clip.audio is None


def test_a_clip_whose_sound_changes_its_format_is_rejected(workspace: Workspace, tmp_path: Path) -> None:
    first = make(tmp_path / "1.ts", *moving_picture(seconds=3), *tone(3), *X264, "-ac", "2")
    second = make(
        tmp_path / "2.ts", *moving_picture(seconds=3), *tone(3), *X264, "-ac", "1", "-output_ts_offset", "3"
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    source = probed(both, workspace)
    (rejected,) = cut(source, [whole_shot(source, source_frames(source))], workspace)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == Reason.DECODE_FAILED
    assert "changes its format" in rejected.detail


def test_a_long_shot_becomes_clips_that_join_without_gap(
    shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    source = probed(shared_media / "single_shot/bottle-detection.mp4", workspace)
    (shot,) = detected(source, workspace)
    found = cut(source, [shot], workspace, CutConfig(max_s=14.0))
    clips = [each for each in found if isinstance(each, Clip)]
    assert len(clips) == len(found) == 3
    assert [clip.shot_ids for clip in clips] == [(shot.shot_id,)] * 3
    assert (clips[0].start_pts, clips[-1].end_pts) == (shot.start_pts, shot.end_pts)
    assert [clip.end_pts for clip in clips[:-1]] == [clip.start_pts for clip in clips[1:]]
    assert sum(clip.num_frames for clip in clips) == shot.last_frame + 1
    assert max(clip.duration_s for clip in clips) - min(clip.duration_s for clip in clips) < 0.1
    check_clips(clips, source, workspace, tmp_path)


def test_short_shots_are_rejected_and_the_others_cut(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "multi_shot/sintel.mp4", workspace)
    shots = detected(source, workspace)
    found = cut(source, shots, workspace, CutConfig())
    short = [shot.shot_id for shot in shots if shot.end_s - shot.start_s < 1.0]
    assert short
    assert [each.parent_id for each in found if isinstance(each, Rejected)] == short
    assert {each.reason for each in found if isinstance(each, Rejected)} == {Reason.TOO_SHORT}
    parents = {parent for each in found for parent in each.parent_ids}
    assert parents == {shot.shot_id for shot in shots}


def test_media_are_side_by_side_in_one_tar(shared_media: Path, workspace: Workspace) -> None:
    clips = clips_of(shared_media / "multi_shot/nasa_13013.mp4", workspace)
    (file,) = workspace.media.take_written()
    assert file.path.startswith("media/cut/")
    expected = []
    for clip in clips:
        assert clip.clip_id == clip_id(
            clip.video_id, clip.stream, clip.start_pts, clip.end_pts, clip.time_base
        )
        expected += [f"{clip.clip_id}.mp4", f"{clip.clip_id}.flac"]
        expected += [f"{clip.clip_id}.frame_{number:03d}.jpg" for number in range(len(clip.frames))]
    with tarfile.open(fileobj=io.BytesIO(workspace.storage.read_bytes(file.path))) as tar:
        assert tar.getnames() == expected
    assert [clip.start_pts for clip in clips] == sorted(clip.start_pts for clip in clips)
    assert [len(clip.frames) for clip in clips] == [5, 3, 5]


def test_nothing_is_written_where_everything_is_rejected(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "odd/video_90.mov", workspace)
    shots = detected(source, workspace)
    (rejected,) = cut(source, shots, workspace, CutConfig())
    assert isinstance(rejected, Rejected)
    assert rejected.detail.startswith("'video_90.mov' has a shot of 0.10 s at 0.00 s, shorter than min_s = 1")
    assert workspace.media.take_written() == ()
    assert workspace.storage.list("media") == []


def test_a_clip_that_cannot_be_written_is_rejected_and_the_others_go_on(
    shared_media: Path, workspace: Workspace
) -> None:
    source = probed(shared_media / "multi_shot/nasa_13013.mp4", workspace)
    shots = detected(source, workspace)
    small = DecodeLimits(file_size_bytes=100_000)
    first, second, third = cut(source, shots, workspace, CutConfig(), small)
    assert isinstance(first, Rejected)
    assert (first.parent_id, first.rejected_id) == (
        shots[0].shot_id,
        clip_id(source.video_id, 3, shots[0].start_pts, shots[0].end_pts, "1/30000"),
    )
    assert first.reason in (Reason.ENCODE_FAILED, Reason.DECODE_LIMIT)
    assert isinstance(second, Clip)
    assert isinstance(third, Rejected)


def test_frames_that_the_detector_did_not_see_are_not_cut(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "multi_shot/nasa_13013.mp4", workspace)
    last = detected(source, workspace)[-1]
    fewer = replace(last, last_frame=last.last_frame - 1)
    between = replace(last, start_pts=last.start_pts + 1)
    beyond = replace(last, start_pts=last.end_pts, end_pts=last.end_pts + 60_000)
    for shot in (fewer, between, beyond):
        (rejected,) = cut(source, [shot], workspace)
        assert isinstance(rejected, Rejected)
        assert rejected.reason == Reason.DECODE_FAILED
        assert "that the detector saw" in rejected.detail


def test_a_source_that_is_gone_rejects_each_shot(
    shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes((shared_media / "multi_shot/nasa_13013.mp4").read_bytes())
    source = probed(path, workspace)
    shots = detected(source, workspace)
    path.unlink()
    found = cut(source, shots, workspace)
    assert [each.parent_id for each in found if isinstance(each, Rejected)] == [
        shot.shot_id for shot in shots
    ]

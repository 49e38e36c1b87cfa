"""The cut: which clips and rejects come out, what their media are, and that they repeat."""

from __future__ import annotations

import errno
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
import pytest

from curation.base.ids import clip_id
from curation.base.media_store import MediaRef
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Retry
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig
from curation.cut.encode import VideoWriter
from curation.media.limits import DecodeLimits
from curation.media.sandbox import Sandbox
from curation.records import CutClip
from tests.curation.cutting import (
    X264,
    all_clips,
    clips_of,
    cut,
    detected,
    pieces_of,
    plans_of,
    probed,
    source_frames,
    whole,
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
    thirds = pieces_of(source, frames, [0, 75, 150, 225])
    first, second, third = cut(source, thirds, workspace)
    assert isinstance(first, CutClip)
    assert first.audio is not None
    sound = samples(first.audio, workspace)
    assert np.abs(sound[: 16000 * 19 // 10]).max() < 1e-3
    assert np.abs(sound[16000 * 21 // 10 :]).max() > 0.05
    assert abs(len(sound) - 48000) <= 16
    assert isinstance(second, CutClip)
    assert second.audio is not None
    assert abs(len(samples(second.audio, workspace)) - 40000) <= 1024
    assert isinstance(third, CutClip)
    assert third.audio is None


def test_a_source_without_sound_gives_no_flac(shared_media: Path, workspace: Workspace) -> None:
    (clip,) = clips_of(shared_media / "odd/h264_10bits.mp4", workspace)
    assert clip.audio is None


def test_sound_that_changes_its_format_is_kept(workspace: Workspace, tmp_path: Path) -> None:
    first = make(tmp_path / "1.ts", *moving_picture(seconds=3), *tone(3), *X264, "-ac", "2")
    second = make(
        tmp_path / "2.ts", *moving_picture(seconds=3), *tone(3), *X264, "-ac", "1", "-output_ts_offset", "3"
    )
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    source = probed(both, workspace)
    (clip,) = all_clips(cut(source, [whole(source, source_frames(source))], workspace))
    assert clip.audio is not None
    sound = samples(clip.audio, workspace)
    assert abs(len(sound) - 6 * 16000) < 1600
    assert all(np.abs(sound[16000 * second :][:16000]).max() > 0.05 for second in range(6))


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
    plan = whole(source, source_frames(source))
    beyond = replace(plan, start_pts=plan.end_pts, end_pts=2 * plan.end_pts)
    (rejected,) = cut(source, [beyond], workspace)
    assert isinstance(rejected, Rejected)
    assert rejected.detail.startswith("'video_90.mov' gave 0 frames when it was cut, not the 3 that")
    assert workspace.media.take_written() == ()
    assert workspace.storage.list("media") == []


def test_a_full_disk_rejects_nothing(
    shared_media: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    source = probed(shared_media / "odd/video_90.mov", workspace)
    monkeypatch.setattr(VideoWriter, "add", full)
    with pytest.raises(Retry, match="No space left"):
        cut(source, [whole(source, source_frames(source))], workspace)


def test_frames_that_the_detector_did_not_see_are_not_cut(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "multi_shot/nasa_13013.mp4", workspace)
    last = plans_of(source, detected(source, workspace))[-1]
    fewer = replace(last, last_frame=last.last_frame - 1)
    between = replace(last, start_pts=last.start_pts + 1)
    beyond = replace(last, start_pts=last.end_pts, end_pts=last.end_pts + 60_000)
    for plan in (fewer, between, beyond):
        (rejected,) = cut(source, [plan], workspace)
        assert isinstance(rejected, Rejected)
        assert rejected.reason == Reason.DECODE_FAILED
        assert "that the detector saw" in rejected.detail


def test_a_source_that_is_gone_rejects_each_plan(
    shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"
    path.write_bytes((shared_media / "multi_shot/nasa_13013.mp4").read_bytes())
    source = probed(path, workspace)
    plans = plans_of(source, detected(source, workspace))
    path.unlink()
    found = cut(source, plans, workspace)
    assert [each.parent_id for each in found if isinstance(each, Rejected)] == [
        plan.clip_id for plan in plans
    ]


def test_settings_refuse_forms_that_cannot_be_told_apart() -> None:
    for forms, message in (
        ([{"name": "small"}, {"name": "small"}], "two forms are named 'small'"),
        ([{"name": "small"}, {"name": "mp4"}], "only the first form may be named 'mp4'"),
        ([{"mode": "keyframe"}, {"name": "more", "mode": "keyframe"}], "two forms have mode = keyframe"),
        ([{"name": "Not.A.Name"}], "pattern"),
        ([], "at least 1 item"),
    ):
        with pytest.raises(ValueError, match=message):
            CutConfig.model_validate({"forms": forms})

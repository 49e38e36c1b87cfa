"""Stream copies: only whole pictures from a keyframe on, and none from outside of the clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.base.ids import clip_id
from curation.base.rejects import Reason, Rejected
from curation.base.workspace import Workspace
from curation.cut.config import CutConfig, FormConfig
from curation.cut.copies import PacketList, choose_copy
from curation.cut.rules import Span
from curation.media.cutting import CuttingSandbox, MediaPacket
from curation.media.sandbox import DecodedFrame, DecodeError
from curation.records import CutClip, Form
from tests.curation.cutting import (
    X264,
    all_clips,
    cut,
    detected,
    pieces_of,
    plans_of,
    probed,
    small_frames,
    source_frames,
    whole,
)
from tests.curation.media.made import make, moving_picture, tone

BESIDE = CutConfig(forms=(FormConfig(), FormConfig(name="copy", mode="keyframe")), trim_bars=False)
FIRST = CutConfig(forms=(FormConfig(mode="keyframe"),), trim_bars=False)


def packets(text: str) -> list[MediaPacket]:
    """Times in the order of the file; `k` marks a keyframe."""
    return [MediaPacket(int(word.strip("k")), word.endswith("k")) for word in text.split()]


@pytest.mark.parametrize(
    ("listed", "span", "expected"),
    [
        ("0k 10 20 30k 40", (0, 50), (0, 50, [0, 10, 20, 30, 40])),
        ("0k 10 20 30k 40", (10, 50), (30, 50, [30, 40])),
        ("0k 10 20 30k 40", (10, 40), (30, 40, [30])),
        ("0k 30 10 20 60 40 50", (0, 50), (0, 40, [0, 10, 20, 30])),
        ("0k 30 10 20 60k 40 50 90 70 80", (40, 90), (60, 70, [60])),
        ("0k 30 10 20 60k 40 50 90 70 80", (40, 100), (60, 100, [60, 70, 80, 90])),
        ("0k 40 20 10 30", (0, 30), (0, 10, [0])),
        ("0k 10 20", (5, 30), None),
        ("5k 10 20", (30, 40), None),
    ],
)
def test_which_packets_are_copied(
    listed: str, span: tuple[int, int], expected: tuple[int, int, list[int]] | None
) -> None:
    copy = choose_copy(packets(listed), Span(*span))
    found = copy and (copy.span.start_pts, copy.span.end_pts, list(copy.frame_pts))
    assert found == expected


def test_packets_without_times_are_not_copied() -> None:
    assert choose_copy([MediaPacket(0, True), MediaPacket(None, False)], Span(0, 50)) is None


def test_a_packet_without_a_time_matters_to_the_clips_it_may_lie_in() -> None:
    listed = packets("0k 10 20 30 40k 50 60 70 80k 90 100 110")
    listed[5] = MediaPacket(None, False)
    source = PacketList(listed)
    found = [
        choose_copy(source.around(Span(start, start + 40)), Span(start, start + 40)) for start in (0, 40, 80)
    ]
    assert [copy and copy.frame_pts for copy in found] == [(0, 10, 20, 30), None, (80, 90, 100, 110)]
    listed[3] = MediaPacket(None, False)
    source = PacketList(listed)
    assert choose_copy(source.around(Span(0, 40)), Span(0, 40)) is None


def test_packets_around_a_span_give_the_same_copy_as_all_of_them() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        times = np.arange(60) * 10
        for start in random.integers(0, 57, 20):
            random.shuffle(times[start : start + 4])
        listed = [MediaPacket(int(pts), bool(random.random() < 0.15)) for pts in times]
        source = PacketList(listed)
        for start in range(0, 600, 75):
            span = Span(start, start + 75)
            assert choose_copy(source.around(span), span) == choose_copy(listed, span)


def test_each_packet_is_looked_at_for_few_spans() -> None:
    source = PacketList([MediaPacket(pts, pts % 10 == 0) for pts in range(20_000)])
    assert sum(len(source.around(Span(start, start + 20))) for start in range(0, 20_000, 20)) == 20_000


@pytest.mark.parametrize("config", ["beside", "first"])
@pytest.mark.parametrize("reason", [Reason.DECODE_TIMEOUT, Reason.ENCODE_FAILED])
def test_a_copy_that_takes_too_long_is_not_one_that_cannot_be(
    reason: Reason, config: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "short.mp4", *moving_picture("64x48", seconds=2), *X264)
    source = probed(path, workspace)
    plan = whole(source, source_frames(source))

    def failing(*_: object, **__: object) -> str:
        raise DecodeError(reason, "fails")

    monkeypatch.setattr(CuttingSandbox, "ffmpeg", failing)
    (found,) = cut(source, [plan], workspace, FIRST if config == "first" else BESIDE)
    if reason is Reason.DECODE_TIMEOUT:
        assert isinstance(found, Rejected)
        assert found.reason == Reason.DECODE_TIMEOUT
    elif config == "beside":
        assert isinstance(found, CutClip)
        assert found.other_forms == ()
    else:
        assert isinstance(found, Rejected)
        assert found.reason == Reason.DECODE_FAILED


def test_packets_that_take_too_long_to_list_are_not_none(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "short.mp4", *moving_picture("64x48", seconds=2), *X264)
    source = probed(path, workspace)

    def failing(*_: object, **__: object) -> str:
        raise DecodeError(Reason.DECODE_TIMEOUT, "took too long")

    monkeypatch.setattr(CuttingSandbox, "packets", failing)
    (found,) = cut(source, [whole(source, source_frames(source))], workspace, BESIDE)
    assert isinstance(found, Rejected)
    assert found.reason == Reason.DECODE_TIMEOUT


def check_copy(
    form: Form, clip: CutClip, frames: list[DecodedFrame], workspace: Workspace, tmp_path: Path
) -> None:
    """The copy decodes, by itself, to exactly the frames of the source that it claims."""
    path = tmp_path / "copy.mp4"
    path.write_bytes(workspace.media.read(form.media))
    expected = [frame for frame in frames if form.start_pts <= frame.pts < form.end_pts]
    assert expected[0].pts == form.start_pts
    shown = small_frames(path, "mov", 0)
    assert [a.image.tobytes() for a in shown] == [b.image.tobytes() for b in expected]
    num, den = map(int, clip.time_base.split("/"))
    times = [(frame.pts - form.start_pts) * num / den for frame in expected]
    assert np.allclose(form.frame_times_s, times, atol=1e-6)
    assert 0 in form.keyframes


FOOTAGE = [
    "multi_shot/sintel.mp4",
    "multi_shot/big_buck_bunny_480p.mp4",
    "multi_shot/nasa_13013.mp4",
    "odd/av1_video.mkv",
    "odd/h265_10bits.mp4",
    "odd/rotated_180_vfr.mp4",
    "odd/sample_fragmented.mp4",
    "odd/sample_rotate_and_reflect.mp4",
]


@pytest.mark.parametrize("name", FOOTAGE)
def test_copies_show_frames_of_the_clip_and_no_other(
    name: str, shared_media: Path, workspace: Workspace, tmp_path: Path
) -> None:
    source = probed(shared_media / name, workspace)
    frames = source_frames(source)
    clips = all_clips(cut(source, plans_of(source, detected(source, workspace)), workspace, BESIDE))
    copied = [(form, clip) for clip in clips for form in clip.other_forms]
    assert len(copied) >= 0.6 * len(clips)
    for form, clip in copied:
        assert (form.name, form.mode) == ("copy", "keyframe")
        assert (form.width_px, form.height_px) == (source.video.width_px, source.video.height_px)
        assert clip.start_pts <= form.start_pts < form.end_pts <= clip.end_pts
        check_copy(form, clip, frames, workspace, tmp_path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("late.ts", ()),
        ("late.mkv", ("-output_ts_offset", "100")),
        ("flash.flv", ("-c:a", "aac", "-ar", "44100")),
        ("old.avi", ("-c:v", "mpeg4", "-bf", "0", "-c:a", "mp3", "-g", "25")),
        ("open_gop.mp4", ("-x264-params", "open-gop=1:scenecut=0", "-g", "30", "-bf", "3")),
        ("uneven.mp4", ("-vf", "select='not(mod(n,3))+gt(mod(n,7),4)'", "-fps_mode", "passthrough")),
    ],
)
def test_a_clip_whose_first_form_is_a_copy_lies_where_the_copy_does(
    name: str, options: tuple[str, ...], workspace: Workspace, tmp_path: Path
) -> None:
    path = make(tmp_path / name, *moving_picture(seconds=20), *tone(20), *X264, *options)
    source = probed(path, workspace)
    frames = source_frames(source)
    count = len(frames)
    plans = pieces_of(source, frames, [count // 9, count // 3, count * 3 // 5, count])
    clips = all_clips(cut(source, plans, workspace, FIRST))
    assert len(clips) == 3
    for plan, clip in zip(plans, clips, strict=True):
        assert plan.start_pts <= clip.start_pts < clip.end_pts <= plan.end_pts
        assert clip.mode == "keyframe"
        assert (clip.plan_id, clip.parent_ids) == (plan.clip_id, (plan.clip_id,))
        place = (clip.start_pts, clip.end_pts, clip.time_base)
        assert clip.clip_id == clip_id(source.video_id, clip.stream, *place)
        assert clip.num_frames == sum(clip.start_pts <= frame.pts < clip.end_pts for frame in frames)
        assert clip.audio is not None
        assert clip.frames
        form = Form(
            name="mp4", mode="keyframe", start_pts=clip.start_pts, end_pts=clip.end_pts,
            width_px=clip.width_px, height_px=clip.height_px, frame_times_s=clip.frame_times_s,
            keyframes=clip.keyframes, media=clip.video,
        )  # fmt: skip
        check_copy(form, clip, frames, workspace, tmp_path)
    assert clips[0].start_pts > plans[0].start_pts


def test_a_clip_without_a_keyframe_has_no_copy(workspace: Workspace, tmp_path: Path) -> None:
    path = make(tmp_path / "long_gop.mp4", *moving_picture(seconds=8), *X264, "-g", "500")
    source = probed(path, workspace)
    plans = pieces_of(source, source_frames(source), [0, 100, 200])
    (rejected,) = [each for each in cut(source, plans, workspace, FIRST) if isinstance(each, Rejected)]
    assert (rejected.parent_id, rejected.reason) == (plans[1].clip_id, Reason.NO_KEYFRAME)
    assert [len(clip.other_forms) for clip in all_clips(cut(source, plans, workspace, BESIDE))] == [1, 0]


def test_codecs_that_no_mp4_holds_are_not_copied(shared_media: Path, workspace: Workspace) -> None:
    source = probed(shared_media / "single_shot/pig.webm", workspace)
    plan = whole(source, source_frames(source))
    (clip,) = all_clips(cut(source, [plan], workspace, BESIDE))
    assert clip.other_forms == ()
    (rejected,) = cut(source, [plan], workspace, FIRST)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == Reason.UNSUPPORTED_FORMAT
    assert "codec 'vp8'" in rejected.detail

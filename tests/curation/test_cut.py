"""The cut: clip rules as arithmetic, and clips of real and made-up footage frame by frame."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from curation.base.ids import clip_id
from curation.base.media_store import MediaRef
from curation.base.rejects import Reason, Rejected
from curation.base.stages import Group
from curation.base.workspace import Workspace
from curation.cut import rules
from curation.cut.config import CutConfig
from curation.cut.graph import ClipFiles, Rendering, SourceFile, clip_command
from curation.cut.rules import Span
from curation.cut.stage import Cut
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.detect.shots import shots_between
from curation.media.ffmpeg import ffmpeg_binary
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodedFrame, Sandbox
from curation.probe import Probe, ProbeConfig
from curation.records import Clip, Input, Shot, SourceVideo

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


def probed(path: Path, workspace: Workspace) -> SourceVideo:
    size = path.stat().st_size
    found = Input(input_id=path.name, uri=str(path), size_bytes=size, fingerprint="", batch=0)
    (source,) = Probe(ProbeConfig(), workspace)([found])
    assert isinstance(source, SourceVideo), source
    return source


def detected(source: SourceVideo, workspace: Workspace) -> list[Shot]:
    found = list(ContentDetector(ContentDetectorConfig(), workspace)([source]))
    shots = [each for each in found if isinstance(each, Shot)]
    assert len(shots) == len(found)
    return shots


def cut(
    source: SourceVideo, shots: Sequence[Shot], workspace: Workspace, config: CutConfig | None = None
) -> list[Clip | Rejected]:
    group = Group(source.video_id, {"shots": tuple(shots), "source": (source,)})
    found = list(Cut(config or CutConfig(min_s=0.05), workspace)([group]))
    leftovers = [path for path in workspace.scratch.rglob("*") if "cut-" in path.name]
    assert leftovers == []
    return found


def clips_of(path: Path, workspace: Workspace, config: CutConfig | None = None) -> list[Clip]:
    source = probed(path, workspace)
    found = cut(source, detected(source, workspace), workspace, config)
    assert all(isinstance(each, Clip) for each in found), found
    return [each for each in found if isinstance(each, Clip)]


def whole_shot(source: SourceVideo, frames: Sequence[DecodedFrame]) -> Shot:
    (shot,) = shots_between(source, [], [frame.pts for frame in frames])
    return shot


def small_frames(path: Path, container: str, stream: int) -> list[DecodedFrame]:
    return list(Sandbox(DecodeLimits()).frames(path, container, stream, width_px=48, height_px=27))


def source_frames(source: SourceVideo) -> list[DecodedFrame]:
    return small_frames(Path(source.uri), source.container, source.video.index)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def made(path: Path, *arguments: str) -> Path:
    """A video made by ffmpeg's own sources."""
    command = [ffmpeg_binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True, timeout=120)
    return path


def moving(seconds: float, rate: str = "25", size: str = "320x240") -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}")


def tone(seconds: float, hertz: int = 440) -> tuple[str, ...]:
    return ("-f", "lavfi", "-i", f"sine=frequency={hertz}:sample_rate=48000:duration={seconds}")


X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50")


# Rules


def shot_of(start_pts: int, end_pts: int, time_base: str = "1/1000", frames: int = 100) -> Shot:
    return Shot(
        shot_id="s",
        video_id="v",
        stream=0,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=time_base,
        start_s=0.0,
        end_s=0.0,
        start_frame=0,
        last_frame=frames - 1,
        opened_by="start",
        score=1.0,
    )


@pytest.mark.parametrize(
    ("length_pts", "expected"),
    [(30_000, []), (30_001, [15_000]), (60_000, [30_000]), (90_001, [22_500, 45_000, 67_500]), (1, [])],
)
def test_long_shots_are_divided_into_equal_pieces(length_pts: int, expected: list[int]) -> None:
    shot = shot_of(5000, 5000 + length_pts)
    assert rules.split_targets(shot, 30.0) == [5000 + target for target in expected]


def test_pieces_cover_the_shot() -> None:
    spans = rules.spans(shot_of(10, 100), [40, 70])
    assert spans == [Span(10, 40), Span(40, 70), Span(70, 100)]
    assert rules.spans(shot_of(10, 100), []) == [Span(10, 100)]


def test_captioners_see_the_middles_of_equal_parts() -> None:
    frame_pts = list(range(0, 4000, 40))
    targets = rules.caption_targets(4000, 40, 4)
    assert [frame_pts[pick] for pick in rules.caption_picks(frame_pts, targets)] == [480, 1480, 2480, 3480]


def test_captioners_see_each_frame_once_and_at_least_one() -> None:
    assert rules.caption_picks([0, 40, 80], rules.caption_targets(120, 40, 3)) == [0, 1, 2]
    assert rules.caption_picks([0, 40], rules.caption_targets(80, 40, 3)) == [0, 1]
    assert rules.caption_picks([0], rules.caption_targets(40, 40, 16)) == [0]
    assert rules.caption_picks([0, 1, 2], [500, 900]) == [0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((1920, 1080), (456, 256)),
        ((1080, 1920), (256, 456)),
        ((480, 204), (480, 204)),
        ((135, 135), (134, 134)),
        ((51, 50), (50, 50)),
        ((4096, 17), (3856, 16)),
    ],
)
def test_sizes_are_even_and_never_enlarged(given: tuple[int, int], expected: tuple[int, int]) -> None:
    assert rules.fitted_size(*given, 256) == expected


def test_config_refuses_lengths_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match=r"max_s = 5\.0 is less than twice min_s = 3\.0"):
        CutConfig(min_s=3.0, max_s=5.0)
    with pytest.raises(ValueError, match="max_frames = 2 is less than min_frames = 3"):
        CutConfig(max_frames=2)


# Frames


def check_clips(
    clips: Sequence[Clip | Rejected], source: SourceVideo, workspace: Workspace, tmp_path: Path
) -> None:
    """Number, times and content of the clips' frames are those of the source between the clips' pts."""
    frames = source_frames(source)
    for clip in clips:
        assert isinstance(clip, Clip), clip
        check_form(clip, frames, workspace, tmp_path)
    check_caption_frames([clip for clip in clips if isinstance(clip, Clip)], source, frames, workspace)


def check_form(clip: Clip, frames: Sequence[DecodedFrame], workspace: Workspace, tmp_path: Path) -> None:
    time_base = Fraction(clip.time_base)
    expected = [frame for frame in frames if clip.start_pts <= frame.pts < clip.end_pts]
    assert expected[0].pts == clip.start_pts
    form = tmp_path / "form.mp4"
    form.write_bytes(workspace.media.read(clip.video))
    facts = Sandbox(DecodeLimits()).probe(form)
    assert facts.video is not None
    assert (facts.video.width_px, facts.video.height_px) == (clip.width_px, clip.height_px)
    assert facts.video.rotation_deg == 0
    assert (facts.num_audio_streams, facts.video.pixel_format) == (0, "yuv420p")
    written = small_frames(form, "mov", 0)
    assert len(written) == len(expected) == clip.num_frames == len(clip.frame_times_s)
    unit = Fraction(facts.video.time_base)
    assert [frame.pts * unit for frame in written] == [
        (frame.pts - clip.start_pts) * time_base for frame in expected
    ]
    assert clip.frame_times_s == tuple(round(float(frame.pts * unit), 6) for frame in written)
    for index in {0, 1, len(written) // 2, len(written) - 1} & set(range(len(written))):
        assert distance(written[index].image, expected[index].image) < 4, index
    assert [index for index, frame in enumerate(written) if frame.key] == list(clip.keyframes)


def check_caption_frames(
    clips: Sequence[Clip], source: SourceVideo, frames: Sequence[DecodedFrame], workspace: Workspace
) -> None:
    """Each JPEG shows the source's frame at its time: none of those around is nearer."""
    ((width, height),) = {(frame.width_px, frame.height_px) for clip in clips for frame in clip.frames}
    number = {frame.pts: index for index, frame in enumerate(frames)}
    wanted = [
        (frame, number[clip.start_pts] + clip.frame_times_s.index(frame.time_s))
        for clip in clips
        for frame in clip.frames
    ]
    near = {index + step for _, index in wanted for step in (-2, -1, 0, 1, 2)}
    stream = Sandbox(DecodeLimits()).frames(
        *(Path(source.uri), source.container, source.video.index),
        width_px=width,
        height_px=height,
        gray=True,
    )
    pictures = {index: frame.image for index, frame in enumerate(stream) if index in near}
    for frame, at in wanted:
        data = np.frombuffer(workspace.media.read(frame.media), np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
        assert image is not None
        assert image.shape == (height, width)
        around = [index for index in range(at - 2, at + 3) if index in pictures]
        distances = {index: distance(image, pictures[index]) for index in around}
        assert distances[at] <= min(distances.values()) + 0.05, (frame.time_s, distances)
        assert distances[at] < 3


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
    path = made(tmp_path / name, *moving(24), *tone(24), *X264, *options)
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
    first = made(tmp_path / "1.ts", *moving(3), *X264, "-bf", "0")
    second = made(tmp_path / "2.ts", *moving(3, size="640x360"), *X264, "-bf", "0", "-output_ts_offset", "3")
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


# The form


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
        with busy_machine():
            runs.append(clips_of(path, workspace))
    assert [clip.digest() for clip in runs[0]] == [clip.digest() for clip in runs[1]]
    assert all(clip.audio is not None for clip in runs[0])


# Sound


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
    path = made(
        tmp_path / "late.mp4", *moving(9), "-itsoffset", "2", *tone(3.5), *X264, "-map", "0", "-map", "1"
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
    first = made(tmp_path / "1.ts", *moving(3), *tone(3), *X264, "-ac", "2")
    second = made(tmp_path / "2.ts", *moving(3), *tone(3), *X264, "-ac", "1", "-output_ts_offset", "3")
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    source = probed(both, workspace)
    (rejected,) = cut(source, [whole_shot(source, source_frames(source))], workspace)
    assert isinstance(rejected, Rejected)
    assert rejected.reason == Reason.DECODE_FAILED
    assert "changes its format" in rejected.detail


# Clips, rejects and their places


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
    first, second, third = cut(source, shots, workspace, CutConfig(limits=small))
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
    for shot in (fewer, between):
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

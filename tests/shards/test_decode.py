"""Decoding: the frames asked for, exactly, and nothing that is no MP4 or FLAC."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from shards.reading.decode import (
    FramesAt,
    FramesAtRate,
    PyavConfig,
    SegmentFrames,
    ShortSide,
    Square,
    UniformFrames,
    View,
    decode_audio,
    decode_frames,
    decode_views,
    frame_times,
)
from shards.reading.decode.pyav_video import PyavVideo
from shards.reading.errors import DecodeError

ENCODINGS = {
    "training form": ["-bf", "0", "-g", "15", "-tune", "fastdecode"],
    "B-frames": ["-bf", "3", "-g", "50"],
    "one keyframe": ["-bf", "0", "-g", "1000"],
    "all keyframes": ["-g", "1"],
}


def encode(folder: Path, options: list[str], source: str = "testsrc2=s=120x80:r=30:d=3") -> bytes:
    path = folder / "clip.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", *options, str(path)], check=True)
    return path.read_bytes()


def all_frames(mp4: bytes, size_px: int = 48) -> list[np.ndarray]:
    """Every frame by sequential decoding: one frame per segment of a very fine uniform sampling."""
    count = len(frame_times(mp4))
    return list(decode_frames(mp4, num_frames=count, size_px=size_px, sampling="uniform", key=()))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sampled_frames_are_those_of_a_sequential_decode(tmp_path: Path, encoding: str) -> None:
    mp4 = encode(tmp_path, ENCODINGS[encoding])
    with av.open(io.BytesIO(mp4)) as container:
        reference = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(reference) == len(frame_times(mp4)) == 90
    frames = all_frames(mp4, size_px=80)
    cropped = np.stack(reference)[:, :, 20:100].astype(int)
    nearest = [int(np.abs(cropped - frame).mean(axis=(1, 2, 3)).argmin()) for frame in frames]
    assert nearest == list(range(90))
    segment = decode_frames(mp4, num_frames=8, size_px=80, sampling="segment", key=(1, 2, 3))
    for number, frame in enumerate(segment):
        first, last = number * 90 // 8, min(90, -(-(number + 1) * 90 // 8))
        assert any(np.array_equal(frame, frames[n]) for n in range(first, last))


def test_arguments_that_are_none_of_the_choices() -> None:
    with pytest.raises(ValueError, match="sampling = 'unifrom': it must be uniform or segment"):
        decode_frames(b"", num_frames=1, size_px=8, sampling="unifrom", key=())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"decoder = 'torchcodec': give the config of a decoder.*TorchcodecC"):
        decode_views(b"", [], decoder="torchcodec")  # type: ignore[arg-type]


def test_sampling_follows_time_not_numbers(tmp_path: Path) -> None:
    # The second half of the time is two frames: one each is shown for most of a second.
    slow = ["-vf", "setpts='if(lt(N,30),N/30/TB,(1+(N-30)*0.5)/TB)'", "-fps_mode", "vfr", "-frames:v", "32"]
    mp4 = encode(tmp_path, [*slow, "-bf", "0"])
    times = frame_times(mp4)
    assert len(times) == 32
    assert times[-1] == pytest.approx(1.5)
    frames = all_frames(mp4)
    four = decode_frames(mp4, num_frames=4, size_px=48, sampling="uniform", key=())
    reference = decode_frames(mp4, num_frames=1, size_px=48, sampling="uniform", key=())
    assert len(frames) == 32
    assert four.shape == (4, 48, 48, 3)
    # The middle of the clip, at 0.77 s, is frame 23 of 32.
    assert reference.shape == (1, 48, 48, 3)
    assert not np.array_equal(four[3], four[2])


def test_segment_sampling_is_keyed(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, ENCODINGS["training form"])
    draws = [
        decode_frames(mp4, num_frames=4, size_px=32, sampling="segment", key=key)
        for key in ((0, 1), (0, 1), (0, 2), (1, 1))
    ]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[3])


def test_more_frames_than_there_are_and_portrait(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, [], source="testsrc2=s=64x128:r=5:d=1")
    frames = decode_frames(mp4, num_frames=16, size_px=40, sampling="uniform", key=())
    assert frames.shape == (16, 40, 40, 3)
    assert frames.dtype == np.uint8
    assert len(np.unique(frames, axis=0)) == 5


def test_upright_and_scaled_colours_survive(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, [], source="color=red:s=100x60:r=10:d=1")
    frames = decode_frames(mp4, num_frames=2, size_px=224, sampling="uniform", key=())
    assert frames[..., 0].min() > 240
    assert frames[..., 1:].max() < 20


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(1000),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile clip.mp4\n",
        b"<html>not found</html>",
    ],
)
def test_what_is_no_mp4_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not mp4"):
        decode_frames(data, num_frames=1, size_px=8, sampling="uniform", key=())
    with pytest.raises(DecodeError):
        decode_audio(data)


def test_truncated_and_flipped_media_never_hang_or_crash(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, ["-movflags", "+faststart"])
    with pytest.raises(DecodeError):
        frame_times(mp4[: len(mp4) * 6 // 10])
    random = np.random.default_rng(0)
    for _ in range(30):
        broken = bytearray(mp4)
        for place in random.integers(0, len(mp4), 20):
            broken[place] ^= 0xFF
        try:
            frames = decode_frames(bytes(broken), num_frames=4, size_px=16, sampling="uniform", key=())
        except DecodeError:
            continue
        assert frames.shape == (4, 16, 16, 3)


def test_frames_beyond_the_limit_are_refused(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, [])
    small = PyavConfig(max_pixels=120 * 80 - 1)
    with pytest.raises(DecodeError, match="120 x 80"):
        decode_frames(mp4, num_frames=1, size_px=8, sampling="uniform", key=(), decoder=small)
    # The picture may be decoded, what it would become is too large.
    with pytest.raises(DecodeError, match="would become 12288 x 8192"):
        decode_views(mp4, [View(UniformFrames(1), ShortSide(8192))])


def test_the_work_for_a_call_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mp4 = encode(tmp_path, ENCODINGS["one keyframe"])
    monkeypatch.setattr("shards.reading.decode.pyav_video.MAX_DECODED_PIXELS", 120 * 80 * 20)
    assert decode_views(mp4, [View(FramesAt((0.5,)), Square(8))])[0].pixels.shape == (1, 8, 8, 3)
    with pytest.raises(DecodeError, match="pixels to decode for 4 frames"):
        decode_frames(mp4, num_frames=4, size_px=8, sampling="uniform", key=())
    monkeypatch.setattr("shards.reading.decode.pyav_video.MAX_PACKETS", 89)
    with pytest.raises(DecodeError, match="more than 89 frames"):
        decode_frames(mp4, num_frames=1, size_px=8, sampling="uniform", key=())


def test_an_mp4_of_an_odd_codec_is_refused(tmp_path: Path) -> None:
    mp4 = encode(tmp_path, ["-c:v", "mjpeg", "-strict", "unofficial"])
    with pytest.raises(DecodeError, match="codec mjpeg; av1, h264"):
        frame_times(mp4)


def test_an_mp4_without_pictures_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "sine=d=1", str(path)]
    subprocess.run(command, check=True)
    with pytest.raises(DecodeError, match="without a stream"):
        frame_times(path.read_bytes())


def gradient(folder: Path, options: list[str], rate: int = 10, seconds: int = 4) -> bytes:
    """A clip of 96 x 64 whose grey is 5 x the number of the frame."""
    return encode(
        folder,
        ["-crf", "1", *options],
        f"color=black:s=96x64:r={rate}:d={seconds},geq=lum='16+5*N':cb=128:cr=128",
    )


def numbers(pixels: np.ndarray) -> list[int]:
    """The numbers of the frames of such a clip."""
    grey = pixels.astype(float).mean(axis=(1, 2, 3))
    return [round(value * 219 / 255 / 5) for value in grey]


def test_frames_at_given_times(tmp_path: Path) -> None:
    mp4 = gradient(tmp_path, ENCODINGS["training form"])
    (view,) = decode_views(mp4, [View(FramesAt((0.0, 0.1, 0.19, 0.2, 3.9, 99.0)), Square(32))])
    assert numbers(view.pixels) == [0, 1, 1, 2, 39, 39]
    assert view.times_s.tolist() == pytest.approx([0, 0.1, 0.1, 0.2, 3.9, 3.9])


@pytest.mark.parametrize(
    ("fps", "cap", "expected"),
    [(5, 100, list(range(0, 40, 2))), (5, 3, [0, 2, 4]), (10, 100, list(range(40))), (0.1, 9, [0]),
     (20, 6, [0, 0, 1, 1, 2, 2]), (10 / 3, 100, list(range(0, 40, 3)))],
)  # fmt: skip
def test_frames_at_a_rate(tmp_path: Path, fps: float, cap: int, expected: list[int]) -> None:
    mp4 = gradient(tmp_path, ENCODINGS["training form"])
    (view,) = decode_views(mp4, [View(FramesAtRate(fps, cap), Square(32))])
    assert numbers(view.pixels) == expected


def test_rates_of_a_container_that_rounds_times(tmp_path: Path) -> None:
    # Matroska has milliseconds: 30 frames a second begin at 0.033, 0.067, 0.100…
    path = tmp_path / "clip.mkv"
    mp4 = tmp_path / "clip.mp4"
    gradient(tmp_path, ENCODINGS["training form"], rate=30, seconds=1)
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", mp4, "-c", "copy", path], check=True
    )
    (view,) = decode_views(path.read_bytes(), [View(FramesAtRate(30, 30), Square(32))], media="mkv")
    assert numbers(view.pixels) == list(range(30))


def test_views_share_one_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mp4 = gradient(tmp_path, ENCODINGS["one keyframe"])
    views = [View(SegmentFrames(8, (7, view)), Square(32)) for view in range(2)]
    alone = [decode_views(mp4, [view])[0].pixels for view in views]
    calls = []
    plain = PyavVideo._decode

    def counted(self: PyavVideo, start: int, end: int) -> object:
        calls.append((start, end))
        return plain(self, start, end)

    monkeypatch.setattr(PyavVideo, "_decode", counted)
    together = decode_views(mp4, [*views, View(UniformFrames(2), ShortSide(64))])
    assert calls == [(0, 40)]
    assert all(np.array_equal(a, b.pixels) for a, b in zip(alone, together, strict=False))
    assert numbers(together[0].pixels) != numbers(together[1].pixels)
    assert together[2].pixels.shape == (2, 64, 96, 3)
    assert numbers(together[2].pixels) == [10, 30]


@pytest.mark.parametrize(
    ("source", "short_side", "expected"),
    [("testsrc2=s=64x48:r=5:d=1", 24, (24, 32)), ("testsrc2=s=48x64:r=5:d=1", 24, (32, 24)),
     ("testsrc2=s=100x60:r=5:d=1", 7, (7, 12))],
)  # fmt: skip
def test_whole_frames_keep_their_aspect(
    tmp_path: Path, source: str, short_side: int, expected: tuple[int, int]
) -> None:
    mp4 = encode(tmp_path, [], source)
    (view,) = decode_views(mp4, [View(UniformFrames(1), ShortSide(short_side))])
    assert view.pixels.shape == (1, *expected, 3)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "gray"])
def test_the_crop_is_at_the_centre(tmp_path: Path, pixel_format: str) -> None:
    # Left third black, middle white, right third black: a square holds white alone.
    source = "color=black:s=120x40:r=5:d=1,drawbox=x=40:y=0:w=40:h=40:color=white:t=fill"
    mp4 = encode(tmp_path, ["-crf", "1", "-pix_fmt", pixel_format], source)
    frames = decode_frames(mp4, num_frames=1, size_px=40, sampling="uniform", key=())
    assert frames[0, :, 1:-1].min() > 235


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_frames_are_shown_upright(tmp_path: Path, angle: int) -> None:
    plain, turned = tmp_path / "clip.mp4", tmp_path / "turned.mp4"
    encode(tmp_path, ["-crf", "1"], source="testsrc2=s=96x64:r=5:d=1")
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error"]
    subprocess.run([*ffmpeg, "-display_rotation", str(angle), "-i", plain, "-c", "copy", turned], check=True)
    shown = subprocess.run(
        [*ffmpeg, "-i", turned, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    (view,) = decode_views(turned.read_bytes(), [View(FramesAt((0.0,)), ShortSide(64))])
    height, width = view.pixels.shape[1:3]
    assert (height, width) == ((64, 96) if angle == 180 else (96, 64))
    expected = np.frombuffer(shown, np.uint8).reshape(height, width, 3)
    # Beside sharp edges the two make colours out of 4:2:0 differently.
    assert np.abs(view.pixels[0].astype(int) - expected).mean() < 12
    assert np.abs(np.rot90(view.pixels[0], 2).astype(int) - expected).mean() > 40


def test_open_groups_of_pictures(tmp_path: Path) -> None:
    # Frames shown before a keyframe that comes before them in the file build on the group before.
    path = tmp_path / "open.mp4"
    source = "color=black:s=96x64:r=10:d=4,geq=lum='16+5*N':cb=128:cr=128"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx265"]
    options = ["-x265-params", "open-gop=1:keyint=10:min-keyint=10:bframes=3:log-level=none:crf=4"]
    subprocess.run([*command, *options, "-pix_fmt", "yuv420p", path], check=True, capture_output=True)
    (view,) = decode_views(path.read_bytes(), [View(FramesAtRate(10, 40), Square(32))])
    assert numbers(view.pixels) == list(range(40))
    for number in range(40):
        (alone,) = decode_views(path.read_bytes(), [View(FramesAt((number / 10,)), Square(32))])
        assert numbers(alone.pixels) == [number]


@pytest.mark.parametrize(
    "make",
    [
        lambda: UniformFrames(0),
        lambda: SegmentFrames(-1, ()),
        lambda: FramesAtRate(0, 1),
        lambda: FramesAtRate(float("nan"), 1),
        lambda: FramesAt(()),
        lambda: FramesAt((-0.1,)),
        lambda: FramesAt((float("inf"),)),
        lambda: Square(0),
        lambda: ShortSide(10**6),
    ],
)
def test_views_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"must be|holds"):
        make()


@pytest.mark.parametrize(
    ("name", "media"),
    [("multi_shot/nasa_13013.mp4", "mp4"), ("single_shot/pig.webm", "webm"), ("odd/unordered.mov", "mov"),
     ("odd/av1_video.mkv", "mkv"), ("odd/sample_fragmented.mp4", "mp4"), ("odd/rotated_180_vfr.mp4", "mp4")],
)  # fmt: skip
def test_every_frame_of_real_footage_is_found_at_its_time(shared_media: Path, name: str, media: str) -> None:
    data = (shared_media / name).read_bytes()
    times = frame_times(data, media=media)
    with av.open(io.BytesIO(data)) as container:
        reference = [
            frame.to_ndarray(format="gray8", width=32, height=18) for frame in container.decode(video=0)
        ]
    (view,) = decode_views(data, [View(FramesAt(tuple(times)), ShortSide(18))], media=media)
    assert view.times_s.tolist() == pytest.approx(times, abs=1e-3)
    assert len(view.pixels) == len(reference)
    # Brightness goes with the sequential decode's, frame by frame.
    ours, theirs = view.pixels.mean(axis=(1, 2, 3)), np.stack(reference).mean(axis=(1, 2))
    assert np.abs(np.diff(ours) - np.diff(theirs)).max(initial=0) < 8


def test_hidden_frames_are_not_counted_as_shown(tmp_path: Path, shared_media: Path) -> None:
    # VP8's alternate reference frames are packets of their own that show nothing.
    path = tmp_path / "a.webm"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-y",
        "-i",
        shared_media / "single_shot/friday.mp4",
    ]
    vp8 = [
        "-c:v",
        "libvpx",
        "-b:v",
        "200k",
        "-auto-alt-ref",
        "1",
        "-lag-in-frames",
        "16",
        "-an",
        "-s",
        "160x120",
    ]
    log = ["-passlogfile", tmp_path / "log"]
    subprocess.run([*command, *vp8, "-pass", "1", *log, "-f", "null", "-"], check=True)
    subprocess.run([*command, *vp8, "-pass", "2", *log, path], check=True)
    data = path.read_bytes()
    with av.open(io.BytesIO(data)) as container:
        packets = sum(1 for packet in container.demux(video=0) if packet.size)
    times = frame_times(data, media="webm")
    assert packets > len(times) == 185
    (view,) = decode_views(data, [View(FramesAt(tuple(times)), ShortSide(60))], media="webm")
    assert view.times_s.tolist() == pytest.approx(times)
    one_by_one = [
        decode_views(data, [View(FramesAt((time_s,)), ShortSide(60))], media="webm")[0].pixels[0]
        for time_s in times[::40]
    ]
    assert all(np.array_equal(a, b) for a, b in zip(one_by_one, view.pixels[::40], strict=True))


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    script = (
        "import sys, shards.reading.decode; print(sorted({'av', 'torch', 'torchcodec'} & sys.modules.keys()))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"

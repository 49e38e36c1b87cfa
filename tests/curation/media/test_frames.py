"""Frames: which, when, which way up."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np
import pytest

from curation.base.rejects import Reason
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodedFrame, DecodeError, Sandbox
from tests.curation.media.made import make, moving_picture, pts_by_ffmpeg, run_ffmpeg

FORMATS = {
    "b_frames.mp4": ["-c:v", "libx264", "-bf", "3", "-g", "20"],
    "b_frames.avi": ["-c:v", "libx264", "-bf", "3", "-g", "20"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-bf", "2"],
    "stream.ts": ["-c:v", "libx264", "-bf", "2", "-g", "20"],
    "program.mpg": ["-c:v", "mpeg2video", "-bf", "2"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-g", "20"],
    "hevc.mp4": ["-c:v", "libx265", "-x265-params", "log-level=none:keyint=20"],
    "av1.mkv": ["-c:v", "libsvtav1", "-preset", "12"],
}


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(DecodeLimits())


def small(sandbox: Sandbox, path: Path, **span: int) -> list[DecodedFrame]:
    facts = sandbox.probe(path)
    assert facts.video is not None
    return list(sandbox.frames(path, facts.container, facts.video.index, width_px=32, height_px=24, **span))


@pytest.mark.parametrize("name", FORMATS)
def test_frames_are_those_of_ffmpeg_and_a_range_is_a_part_of_them(
    name: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    path = make(tmp_path / name, *moving_picture(seconds=2), *FORMATS[name])
    container = sandbox.probe(path).container
    whole = small(sandbox, path)
    assert [frame.pts for frame in whole] == pts_by_ffmpeg(path, container, 0)
    assert len(whole) == 50
    assert whole[0].key
    for first, end in ((0, 50), (13, 14), (19, 33), (49, 50)):
        span = {"start_pts": whole[first].pts, "end_pts": whole[end - 1].pts + 1}
        part = small(sandbox, path, **span)
        assert [frame.pts for frame in part] == [frame.pts for frame in whole[first:end]]
        for a, b in zip(part, whole[first:end], strict=True):
            assert np.array_equal(a.image, b.image)
    assert small(sandbox, path, start_pts=whole[-1].pts + 10**6) == []


def test_gray_and_colour_have_their_shapes(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", "-f", "lavfi", "-i", "color=c=red:s=64x48:d=0.2", "-c:v", "libx264")
    (frame, *_) = sandbox.frames(path, "mov", 0, width_px=20, height_px=10)
    assert frame.image.shape == (10, 20, 3)
    assert frame.image.dtype == np.uint8
    assert np.abs(frame.image.astype(int) - [253, 0, 0]).max() < 6
    (frame, *_) = sandbox.frames(path, "mov", 0, width_px=20, height_px=10, gray=True)
    assert frame.image.shape == (10, 20)


def test_a_change_of_size_midway_is_taken_in_stride(sandbox: Sandbox, tmp_path: Path) -> None:
    parts = [
        make(tmp_path / f"{size}.ts", *moving_picture(size, seconds=0.4), "-c:v", "libx264")
        for size in ("160x120", "320x240")
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = small(sandbox, joined)
    assert len(frames) == 20
    pts = [frame.pts for frame in frames]
    assert pts == sorted(set(pts))


@pytest.mark.parametrize(
    ("turn", "size"), [("90", (48, 64)), ("180", (64, 48)), ("270", (48, 64)), ("flip", (64, 48))]
)
def test_frames_are_upright_as_ffmpeg_shows_them(
    turn: str, size: tuple[int, int], sandbox: Sandbox, tmp_path: Path
) -> None:
    plain = make(
        tmp_path / "plain.mp4", *moving_picture("64x48", seconds=0.2), "-c:v", "libx264", "-crf", "5"
    )
    display = ["-display_hflip"] if turn == "flip" else ["-display_rotation", turn]
    path = make(tmp_path / "turned.mp4", *display, "-i", str(plain), "-c", "copy")
    facts = sandbox.probe(path)
    assert facts.video is not None
    assert (facts.video.width_px, facts.video.height_px) == size
    width, height = size
    shown = run_ffmpeg(
        *("-v", "error", "-i", str(path), "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    ).stdout
    expected = np.frombuffer(shown, np.uint8).reshape(height, width, 3).astype(int)
    (frame, *_) = sandbox.frames(path, "mov", 0, width_px=width, height_px=height)
    assert np.abs(frame.image.astype(int) - expected).mean() < 8
    assert np.abs(frame.image[::-1].astype(int) - expected).mean() > 20


def test_pixels_that_are_not_square_are_shown_square(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.mp4", *moving_picture("160x120", seconds=0.2), "-vf", "setsar=4/3", "-c:v", "libx264"
    )
    video = sandbox.probe(path).video
    assert video is not None
    assert (video.width_px, video.height_px) == (213, 120)


@pytest.mark.parametrize("name", ["b_frames.mp4", "vp9.webm", "hevc.mp4"])
def test_damage_is_skipped_said_and_the_same_every_time(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / name, *moving_picture("320x240", seconds=2), *FORMATS[name])
    data = bytearray(path.read_bytes())
    rng = random.Random(name)
    for _ in range(100):
        data[rng.randrange(len(data) // 8, len(data) * 7 // 8)] = rng.randrange(256)
    path.write_bytes(data)
    container = sandbox.probe(path).container
    digests = set()
    for _ in range(4):
        stream = sandbox.frames(path, container, 0, width_px=32, height_px=24)
        frames = list(stream)
        pts = [frame.pts for frame in frames]
        assert pts == sorted(set(pts))
        digests.add(hashlib.sha256(b"".join(frame.image.tobytes() for frame in frames)).hexdigest())
    assert len(digests) == 1
    assert frames


def test_a_file_that_ends_early_gives_what_is_there(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(
        tmp_path / "a.mp4",
        *moving_picture("320x240", seconds=4),
        "-c:v",
        "libx264",
        "-movflags",
        "+faststart",
    )
    whole = small(sandbox, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    facts = sandbox.probe(path)
    assert facts.video is not None
    assert 0.5 < facts.video.duration_s < 3.5, "the header still claims 4 s"
    stream = sandbox.frames(path, "mov", 0, width_px=32, height_px=24)
    frames = list(stream)
    assert 20 < len(frames) < 90
    for a, b in zip(frames[:20], whole[:20], strict=True):
        assert a.pts == b.pts
        assert np.array_equal(a.image, b.image)
    with pytest.raises(DecodeError) as error:
        list(sandbox.frames(path, "mov", 5, width_px=32, height_px=24))
    assert error.value.reason == Reason.UNREADABLE


def test_repeated_and_backward_times_become_increasing(sandbox: Sandbox, tmp_path: Path) -> None:
    times = "setts=pts='if(eq(mod(N\\,10)\\,5)\\,(N-2)*512\\,N*512)':dts=N*512-2048"
    plain = make(tmp_path / "p.mp4", *moving_picture(seconds=1), "-c:v", "libx264", "-bf", "0", "-g", "5")
    path = make(tmp_path / "a.mkv", "-i", str(plain), "-c", "copy", "-bsf:v", times)
    runs = [[frame.pts for frame in small(sandbox, path)] for _ in range(2)]
    assert runs[0] == runs[1] == sorted(set(runs[0]))
    assert len(runs[0]) == 25

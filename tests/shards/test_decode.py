"""Decoding: the frames asked for, exactly, and nothing that is no MP4 or FLAC."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from shards.reading import DecodeError, decode_audio, decode_frames
from shards.reading.decode import frame_times

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


def test_frames_beyond_the_limit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mp4 = encode(tmp_path, [])
    monkeypatch.setattr("shards.reading.decode.MAX_PIXELS", 120 * 80 - 1)
    with pytest.raises(DecodeError, match="120 x 80"):
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


def test_sound_is_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    source = "aevalsrc=0.5*sin(2*PI*200*t)|0.5*sin(2*PI*200*t):s=16000:d=2"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, str(path)]
    subprocess.run(command, check=True)
    sound, rate_hz = decode_audio(path.read_bytes())
    assert (sound.dtype, sound.shape, rate_hz) == (np.float32, (32000,), 16000)
    expected = 0.5 * np.sin(2 * np.pi * 200 * np.arange(32000) / 16000)
    assert np.abs(sound - expected).max() < 1e-3

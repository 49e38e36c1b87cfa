"""Every file of the shared footage, with what is to come of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from curation.base.rejects import Reason
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox


@dataclass(frozen=True)
class Video:
    """Stream, displayed size, measured duration, decoded frames, stream and seconds of sound."""

    container: str
    stream: int
    size: tuple[int, int]
    duration_s: float
    frames: int
    audio: int | None = None
    sound_s: float = 0.0
    damaged: bool = False


@dataclass(frozen=True)
class Sound:
    """No video; seconds of sound."""

    container: str
    sound_s: float
    pictures: int = 0


EXPECTED: dict[str, Video | Sound | Reason] = {
    "multi_shot/big_buck_bunny_480p.mp4": Video("mov", 0, (854, 480), 30.0, 720, 1, 30.02),
    "multi_shot/nasa_13013.mp4": Video("mov", 3, (480, 270), 13.013, 390, 4, 13.06),
    "multi_shot/sintel.mp4": Video("mov", 1, (480, 204), 52.167, 1252, 0, 52.15),
    "single_shot/bottle-detection.mp4": Video("mov", 0, (640, 360), 39.855, 1189),
    "single_shot/chaplin.mp4": Video("mov", 0, (640, 360), 9.64, 241, 1, 9.61),
    "single_shot/flipping_a_pancake.mkv": Video("matroska", 0, (426, 240), 10.333, 310, 1, 10.37),
    "single_shot/flower.mp4": Video("mov", 0, (960, 540), 5.005, 150, 1, 5.06),
    "single_shot/friday.mp4": Video("mov", 1, (640, 480), 6.167, 185, 0, 6.15),
    "single_shot/pig.webm": Video("matroska", 0, (720, 480), 6.533, 196, 1, 6.53),
    "single_shot/rabbit320.mp4": Video("mov", 0, (320, 240), 7.8, 234, 1, 7.78),
    "single_shot/talking_head_60fps.mp4": Video("mov", 0, (320, 192), 24.441, 1465, 1, 24.43),
    "odd/av1_video.mkv": Video("matroska", 0, (640, 360), 5.0, 125),
    "odd/corrupted.mp4": Video("mov", 0, (1280, 720), 5.0, 49, damaged=True),
    "odd/h264_10bits.mp4": Video("mov", 0, (200, 200), 1.0, 30),
    "odd/h265_10bits.mp4": Video("mov", 0, (200, 200), 1.0, 30),
    "odd/no_duration.webm": Video("matroska", 0, (1280, 720), 4.938, 74, 1, 4.88),
    "odd/one_pixel.mp4": Video("mov", 0, (1, 1), 5.0, 5),
    "odd/rotated_180_vfr.mp4": Video("mov", 0, (1280, 720), 2.38, 25, 1, 2.42),
    "odd/sample_fragmented.mp4": Video("mov", 0, (1080, 720), 1.001, 30, 1, 1.07),
    "odd/sample_mdat_too_long.mp4": Video("mov", 0, (1080, 720), 1.001, 30, 1, 1.09),
    "odd/sample_missing_stsd.mp4": Video("mov", 0, (1080, 720), 1.001, 30),
    "odd/sample_rotate_and_reflect.mp4": Video("mov", 0, (720, 1080), 1.001, 30, 1, 1.09),
    "odd/sample_with_color_info.mp4": Video("mov", 0, (1080, 1920), 0.3, 9, 1, 0.3),
    "odd/silent-black-10s.mp4": Video("mov", 0, (320, 240), 10.0, 300, 1, 10.01),
    "odd/ten_by_six_pixels.mp4": Video("mov", 0, (10, 6), 64.542, 1549, 1, 64.58),
    "odd/transparent.webm": Video("matroska", 0, (200, 200), 5.0, 150, 1, 4.94),
    "odd/unordered.mov": Video("mov", 0, (50, 50), 0.125, 4),
    "odd/video_90.mov": Video("mov", 0, (320, 568), 0.1, 3),
    "odd/video_with_failing_audio.mp4": Video("mov", 0, (640, 360), 11.2, 280, 1, 11.23),
    "odd/audio_only_92s.mp4": Sound("mov", 91.95),
    "odd/cheese-on-toast.mp3": Sound("mov", 2.39),
    "odd/cover_art.mp3": Sound("mp3", 1.02, pictures=1),
    "odd/no_samples.wav": Sound("wav", 0.0),
    "odd/sample_audio_only.mp4": Sound("mov", 1.09),
    "odd/wrong_extension.aac": Sound("mov", 9.66),
    "odd/no_streams.webm": Reason.NOT_MEDIA,
    "odd/unreadable.ogg": Reason.UNREADABLE,
    "odd/zero_bytes.webm": Reason.NOT_MEDIA,
    "audio/chinese.flac": Sound("flac", 0.96),
    "audio/jfk.flac": Sound("flac", 11.0),
    "audio/librispeech_198.ogg": Sound("ogg", 13.91),
    "audio/librispeech_237.flac": Sound("flac", 5.07),
    "audio/noise_33s.wav": Sound("wav", 33.12),
    "audio/pibble.ogg": Sound("ogg", 46.95),
    "audio/rain.mp3": Sound("mp3", 60.49),
    "audio/silence.wav": Sound("wav", 1.0),
    "audio/waltz_music.ogg": Sound("ogg", 49.2),
}

LONGEST_S = 20.0


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(DecodeLimits(wall_s=LONGEST_S))


def seconds_of_sound(sandbox: Sandbox, path: Path, container: str, stream: int) -> float:
    return sum(len(chunk) for chunk in sandbox.audio(path, container, stream)) / 16000


def test_the_table_has_every_file(shared_media: Path) -> None:
    there = {str(path.relative_to(shared_media)) for path in shared_media.glob("*/*") if path.is_file()}
    assert there == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_ends_as_expected_and_soon(name: str, shared_media: Path, sandbox: Sandbox) -> None:
    path, expected = shared_media / name, EXPECTED[name]
    started = time.monotonic()
    if isinstance(expected, Reason):
        with pytest.raises(DecodeError) as error:
            sandbox.probe(path)
        assert error.value.reason == expected
    else:
        facts = sandbox.probe(path)
        assert facts.container == expected.container
        if isinstance(expected, Sound):
            assert facts.video is None
            assert facts.num_pictures == expected.pictures
            assert facts.audio is not None
            sound_s = seconds_of_sound(sandbox, path, facts.container, facts.audio.index)
            assert sound_s == pytest.approx(expected.sound_s, abs=0.01)
        else:
            check_video(sandbox, path, expected)
    assert time.monotonic() - started < LONGEST_S


def check_video(sandbox: Sandbox, path: Path, expected: Video) -> None:
    facts = sandbox.probe(path)
    assert facts.video is not None
    assert facts.video.index == expected.stream
    assert (facts.video.width_px, facts.video.height_px) == expected.size
    assert facts.video.duration_s == pytest.approx(expected.duration_s, abs=0.001)
    stream = sandbox.frames(path, facts.container, expected.stream, width_px=48, height_px=27)
    pts = []
    for frame in stream:
        assert frame.image.shape == (27, 48, 3)
        assert frame.image.dtype == np.uint8
        pts.append(frame.pts)
    assert len(pts) == expected.frames
    assert pts == sorted(set(pts))
    assert (stream.damage is not None) == expected.damaged
    assert (None if facts.audio is None else facts.audio.index) == expected.audio
    if facts.audio is not None:
        sound_s = seconds_of_sound(sandbox, path, facts.container, facts.audio.index)
        assert sound_s == pytest.approx(expected.sound_s, abs=0.01)

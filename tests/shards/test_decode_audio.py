"""Sound: any stretch of any file is what a decode of the whole has there."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from shards.reading.decode import decode_audio
from shards.reading.errors import DecodeError

FORMATS = {"flac": [], "wav": [], "mp3": ["-b:a", "96k"], "m4a": ["-c:a", "aac"], "mkv": ["-c:a", "flac"],
           "webm": ["-c:a", "libopus"]}  # fmt: skip
CHIRP = "aevalsrc=0.4*sin(2*PI*(100*t+60*t*t))|0.3*sin(2*PI*(100*t+60*t*t)):s=48000:d=6"


def encode(folder: Path, media: str, source: str = CHIRP) -> bytes:
    path = folder / f"a.{media}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", source]
    subprocess.run([*command, *FORMATS[media], str(path)], check=True)
    return path.read_bytes()


def test_sound_is_what_was_put_in(tmp_path: Path) -> None:
    source = "aevalsrc=0.5*sin(2*PI*200*t)|0.5*sin(2*PI*200*t):s=16000:d=2"
    sound = decode_audio(encode(tmp_path, "flac", source))
    assert (sound.samples.dtype, sound.samples.shape, sound.rate_hz) == (np.float32, (32000,), 16000)
    assert (sound.start_s, sound.num_valid, sound.num_padded) == (0.0, 32000, 0)
    expected = 0.5 * np.sin(2 * np.pi * 200 * np.arange(32000) / 16000)
    assert np.abs(sound.samples - expected).max() < 1e-3


@pytest.mark.parametrize("media", FORMATS)
def test_a_stretch_is_that_of_the_whole(tmp_path: Path, media: str) -> None:
    data = encode(tmp_path, media)
    whole = decode_audio(data, media=media)
    assert len(whole.samples) == pytest.approx(6 * 48000, abs=2400)
    for start_s, duration_s in ((0.0, 1.0), (0.7, 0.5), (3.21, 1.5), (4.9, 0.01)):
        part = decode_audio(data, media=media, start_s=start_s, duration_s=duration_s)
        first = round(start_s * 48000)
        assert part.start_s == pytest.approx(start_s, abs=1e-4)
        assert len(part.samples) == part.num_valid == round(duration_s * 48000)
        expected = whole.samples[first : first + len(part.samples)]
        # A decoder of AAC fills in noise as it comes by.
        assert np.abs(part.samples - expected).max() < (0.02 if media == "m4a" else 1e-4)


@pytest.mark.parametrize("rate_hz", [16000, 44100, 8000])
def test_a_stretch_at_another_rate_is_that_of_the_whole(tmp_path: Path, rate_hz: int) -> None:
    data = encode(tmp_path, "flac")
    whole = decode_audio(data, rate_hz=rate_hz)
    assert whole.rate_hz == rate_hz
    assert len(whole.samples) == pytest.approx(6 * rate_hz, abs=50)
    part = decode_audio(data, rate_hz=rate_hz, start_s=2.5, duration_s=1.25)
    assert len(part.samples) == round(1.25 * rate_hz)
    expected = whole.samples[round(2.5 * rate_hz) :][: len(part.samples)]
    assert np.abs(part.samples - expected).max() < 1e-4


def test_the_rate_keeps_times(tmp_path: Path) -> None:
    data = encode(tmp_path, "flac", "aevalsrc=0.5*sin(2*PI*200*t):s=44100:d=3")
    sound = decode_audio(data, rate_hz=16000, start_s=1.001, duration_s=1.0)
    at = sound.start_s + np.arange(16000) / 16000
    assert np.abs(sound.samples - 0.5 * np.sin(2 * np.pi * 200 * at)).max() < 2e-3


def test_what_lies_behind_the_end(tmp_path: Path) -> None:
    data = encode(tmp_path, "flac", "sine=440:r=16000:d=2")
    short = decode_audio(data, start_s=1.5, duration_s=1.0)
    assert (len(short.samples), short.num_padded) == (8000, 0)
    padded = decode_audio(data, start_s=1.5, duration_s=1.0, pad=True)
    assert (len(padded.samples), padded.num_valid, padded.num_padded) == (16000, 8000, 8000)
    assert np.array_equal(padded.samples[:8000], short.samples)
    assert not padded.samples[8000:].any()
    assert len(decode_audio(data, start_s=5.0, duration_s=1.0).samples) == 0
    assert decode_audio(data, start_s=5.0, duration_s=1.0, pad=True).num_padded == 16000
    assert decode_audio(data, start_s=1.9, duration_s=1.0, rate_hz=8000, pad=True).num_valid == 800


def test_only_what_is_needed_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shards.reading.decode.audio as module

    data = encode(tmp_path, "wav", "sine=440:r=16000:d=60")
    decoded = []
    plain = module._blocks

    def counted(*arguments: object) -> object:
        for at, block in plain(*arguments):
            decoded.append(len(block))
            yield at, block

    monkeypatch.setattr(module, "_blocks", counted)
    decode_audio(data, start_s=50.0, duration_s=1.0, rate_hz=8000, media="wav")
    assert sum(decoded) < 2.5 * 16000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_s": -1.0}, "start_s"),
        ({"start_s": float("nan")}, "start_s"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"start_s": 1e300}, "start_s"),
        ({"rate_hz": 10}, "rate_hz"),
        ({"pad": True}, "needs a duration_s"),
        ({"media": "jpg"}, "no sound"),
        ({"media": "exe"}, "flac, jpg"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_audio(b"", **arguments)  # type: ignore[arg-type]


def test_real_sound(shared_media: Path) -> None:
    for name, media, seconds in (
        ("audio/jfk.flac", "flac", 11.0), ("audio/rain.mp3", "mp3", 60.5),
        ("audio/noise_33s.wav", "wav", 33.1),
        ("odd/cover_art.mp3", "mp3", 1.0), ("odd/wrong_extension.aac", "m4a", 9.7),
        ("single_shot/pig.webm", "webm", 6.5), ("single_shot/friday.mp4", "mp4", 6.2),
        ("single_shot/flipping_a_pancake.mkv", "mkv", 10.4),
    ):  # fmt: skip
        data = (shared_media / name).read_bytes()
        whole = decode_audio(data, media=media, rate_hz=16000)
        assert len(whole.samples) / 16000 == pytest.approx(seconds, abs=0.1), name
        part = decode_audio(data, media=media, rate_hz=16000, start_s=0.5, duration_s=0.25)
        # Opus settles slowly: a stretch differs from the whole in the last bits.
        assert np.abs(part.samples - whole.samples[8000:12000]).max() < 5e-3, name


@pytest.mark.parametrize("name", ["odd/no_samples.wav", "odd/unreadable.ogg", "odd/cheese-on-toast.mp3"])
def test_real_files_without_sound_or_with_a_wrong_name(shared_media: Path, name: str) -> None:
    data = (shared_media / name).read_bytes()
    with pytest.raises(DecodeError):
        decode_audio(data, media="wav" if name.endswith("wav") else "mp3")


def test_a_stretch_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="limit 172800000 samples"):
        decode_audio(encode(tmp_path, "flac", "sine=440:r=16000:d=1"), duration_s=1e6, pad=True)


def test_sound_that_is_no_number_is_refused() -> None:
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 436, b"WAVE", b"fmt ", 16, 3, 1, 8000, 32000, 4, 32,
                         b"data", 400)  # fmt: skip
    sound = decode_audio(header + np.full(100, 0.5, np.float32).tobytes(), media="wav")
    assert sound.samples.tolist() == [0.5] * 100
    with pytest.raises(DecodeError, match="no numbers"):
        decode_audio(header + np.full(100, np.nan, np.float32).tobytes(), media="wav")

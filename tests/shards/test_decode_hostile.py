"""Whatever the bytes are: arrays of the shape asked for, or a `DecodeError`; soon, and in bounded memory."""

from __future__ import annotations

import functools
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shards.reading.decode import MEDIA, SegmentFrames, ShortSide, Square, View, decode_audio, decode_views
from shards.reading.errors import DecodeError

VIDEO = {"mp4": ["-tune", "fastdecode", "-bf", "0", "-g", "5"], "mov": ["-bf", "2"],
         "mkv": ["-c:v", "libx265"],
         "webm": ["-c:v", "libvpx-vp9"]}  # fmt: skip
SOUND = ["flac", "wav", "mp3", "m4a", "webm", "mp4"]
IMAGES = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
LONGEST_S = 10.0


@functools.cache
def sample(media: str, *, sound: bool) -> bytes:
    if media in IMAGES:
        out = io.BytesIO()
        Image.effect_noise((48, 40), 60).convert("RGB").save(out, IMAGES[media])
        return out.getvalue()
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi"]
    source = "sine=440:r=16000:d=1" if sound else "testsrc2=s=64x48:r=10:d=2"
    options = [] if sound else ["-pix_fmt", "yuv420p", *VIDEO[media]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{media}")
        subprocess.run([*command, "-i", source, *options, path], check=True, capture_output=True)
        return path.read_bytes()


def attempt_video(data: bytes, media: str) -> None:
    began = time.monotonic()
    try:
        square, whole = decode_views(
            data,
            [View(SegmentFrames(4, (1,)), Square(16)), View(SegmentFrames(2, (2,)), ShortSide(16))],
            media=media,
        )
    except DecodeError:
        pass
    else:
        assert square.pixels.shape == (4, 16, 16, 3)
        assert min(whole.pixels.shape[1:3]) == 16
    assert time.monotonic() - began < LONGEST_S


def attempt_sound(data: bytes, media: str) -> None:
    began = time.monotonic()
    for arguments in ({}, {"start_s": 0.4, "duration_s": 0.2, "rate_hz": 8000, "pad": True}):
        try:
            sound = decode_audio(data, media=media, **arguments)
        except DecodeError:
            continue
        assert sound.samples.ndim == 1
        assert np.isfinite(sound.samples).all()
        if arguments:
            assert len(sound.samples) == 1600
    assert time.monotonic() - began < LONGEST_S


relaxed = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@relaxed
@given(st.binary(max_size=400), st.sampled_from(sorted(MEDIA)), st.booleans())
def test_random_bytes(data: bytes, media: str, with_magic: bool) -> None:
    if with_magic:
        data = bytes(MEDIA[media].magic_at) + MEDIA[media].magic[0] + data
    if MEDIA[media].video:
        attempt_video(data, media)
    if MEDIA[media].audio:
        attempt_sound(data, media)


MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12
)


def mutated(data: bytes, changes: list[tuple[float, int]], keep: float) -> bytes:
    broken = bytearray(data)
    for place, value in changes:
        broken[int(place * len(broken))] = value
    return bytes(broken[: max(1, int(keep * len(broken)))])


@pytest.mark.parametrize("media", [*VIDEO, *IMAGES])
@relaxed
@given(changes=MUTATIONS, keep=st.sampled_from([1.0, 1.0, 1.0, 0.99, 0.5]))
def test_mutated_pictures(media: str, changes: list[tuple[float, int]], keep: float) -> None:
    attempt_video(mutated(sample(media, sound=False), changes, keep), media)


@pytest.mark.parametrize("media", ["mp4", "mov", "webm"])
@relaxed
@given(changes=MUTATIONS)
def test_mutated_headers(media: str, changes: list[tuple[float, int]]) -> None:
    # The tables of mp4 and the tracks of Matroska are where sizes and counts are claimed.
    data = sample(media, sound=False)
    at = max(0, data.find(b"moov")) if media != "webm" else 0
    head, table, tail = data[:at], data[at : at + 800], data[at + 800 :]
    attempt_video(head + mutated(table, changes, 1.0) + tail, media)


@pytest.mark.parametrize("media", SOUND)
@relaxed
@given(changes=MUTATIONS, keep=st.sampled_from([1.0, 1.0, 0.5]))
def test_mutated_sound(media: str, changes: list[tuple[float, int]], keep: float) -> None:
    attempt_sound(mutated(sample(media, sound=True), changes, keep), media)


@pytest.mark.parametrize("media", sorted(MEDIA))
def test_playlists_open_nothing(media: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(sample("mp4", sound=False))
    for data in (
        f"ffconcat version 1.0\nfile '{secret}'\n".encode(),
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode(),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ):
        if MEDIA[media].video:
            with pytest.raises(DecodeError):
                decode_views(data, [View(SegmentFrames(1, ()), Square(8))], media=media)
        if MEDIA[media].audio:
            with pytest.raises(DecodeError):
                decode_audio(data, media=media)


def test_every_odd_file(shared_media: Path) -> None:
    for path in sorted((shared_media / "odd").iterdir()):
        media = {"aac": "m4a", "ogg": "flac"}.get(path.suffix[1:], path.suffix[1:])
        if MEDIA[media].video:
            attempt_video(path.read_bytes(), media)
        if MEDIA[media].audio:
            attempt_sound(path.read_bytes(), media)


def test_memory_does_not_grow_from_call_to_call() -> None:
    script = (
        "import resource, sys\n"
        "from shards.reading.decode import decode_frames, decode_audio\n"
        "video, sound = open(sys.argv[1], 'rb').read(), open(sys.argv[2], 'rb').read()\n"
        "def work(count):\n"
        "    for n in range(count):\n"
        "        decode_frames(video, num_frames=8, size_px=64, sampling='segment', key=(n,))\n"
        "        decode_audio(sound, start_s=0.2, duration_s=0.5, rate_hz=8000)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = work(100)\n"
        "print(work(500) - before)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        video, sound = Path(folder, "a.mp4"), Path(folder, "a.flac")
        video.write_bytes(sample("mp4", sound=False))
        sound.write_bytes(sample("flac", sound=True))
        run = subprocess.run(
            [sys.executable, "-c", script, video, sound], check=True, capture_output=True, text=True
        )
    assert int(run.stdout) < 8 * 1024, "KiB by which the peak grew in 500 calls"


@pytest.mark.parametrize("kind", ["video", "sound"])
def test_a_shortage_of_memory_is_no_damage(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = av.open, [0]

    def short(*arguments: Any, **options: Any) -> Any:
        if failures[0]:
            failures[0] -= 1
            raise av.error.MemoryError(12, "Cannot allocate memory")
        return real(*arguments, **options)

    def decode() -> object:
        if kind == "video":
            return decode_views(sample("mp4", sound=False), [View(SegmentFrames(1, ()), Square(8))])
        return decode_audio(sample("flac", sound=True))

    monkeypatch.setattr(av, "open", short)
    failures[0] = 1
    decode()
    assert failures == [0], "it passed, and nobody noticed"
    monkeypatch.setattr("shards.reading.decode.opening.has_memory", lambda num_bytes: False)
    failures[0] = 100
    with pytest.raises(MemoryError):
        decode()
    # Where there is memory enough, what failed claims more than any sound file.
    monkeypatch.undo()
    monkeypatch.setattr(av, "open", short)
    with pytest.raises(DecodeError, match="claims more than there is memory for"):
        decode()


def test_a_table_of_absurd_length_is_the_fault_of_the_bytes() -> None:
    data = bytearray(sample("mp4", sound=False))
    for table in (b"stsz", b"stts", b"stco", b"stss", b"ctts", b"stsc"):
        at = data.find(table)
        if at < 0:
            continue
        count = at + (12 if table == b"stsz" else 8)
        broken = bytearray(data)
        for claim in (0x10000000, 0x3FFFFFFF, 0xFFFFFFFF):
            broken[count : count + 4] = claim.to_bytes(4, "big")
            attempt_video(bytes(broken), "mp4")

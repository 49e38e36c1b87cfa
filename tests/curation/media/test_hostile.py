"""Files that mean harm: each is refused or read, soon, and nothing else is touched."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
from pathlib import Path

import pytest

from curation.base.rejects import Reason
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox, input_arguments
from tests.curation.media.made import make, moving_picture, run_ffmpeg, tone


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(DecodeLimits(wall_s=20))


def refused(sandbox: Sandbox, path: Path) -> DecodeError:
    started = time.monotonic()
    with pytest.raises(DecodeError) as error:
        sandbox.probe(path)
    assert time.monotonic() - started < 20
    assert error.value.detail.isprintable()
    return error.value


def read_all(sandbox: Sandbox, path: Path) -> None:
    facts = sandbox.probe(path)
    if facts.video is not None:
        list(sandbox.frames(path, facts.container, facts.video.index, width_px=16, height_px=16))
    if facts.audio is not None:
        list(sandbox.audio(path, facts.container, facts.audio.index))


@pytest.fixture
def listener() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.5)
    return server


def connected(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except TimeoutError:
        return False
    return True


def playlists(folder: Path, listener: socket.socket) -> dict[str, str]:
    port = listener.getsockname()[1]
    clip = make(folder / "clip.ts", *moving_picture(seconds=0.4), "-c:v", "libx264")
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "hls_file": hls.format(f"file://{clip}"),
        "hls_http": hls.format(f"http://127.0.0.1:{port}/a.ts"),
        "hls_metadata": hls.format("http://169.254.169.254/latest/meta-data/"),
        "ffconcat": f"ffconcat version 1.0\nfile '{clip.name}'\n",
        "dash": f"<MPD><BaseURL>http://127.0.0.1:{port}/</BaseURL></MPD>",
    }


@pytest.mark.parametrize("kind", ["hls_file", "hls_http", "hls_metadata", "ffconcat", "dash"])
def test_a_playlist_dressed_as_a_film_opens_nothing(
    kind: str, sandbox: Sandbox, tmp_path: Path, listener: socket.socket
) -> None:
    path = tmp_path / "film.mp4"
    path.write_text(playlists(tmp_path, listener)[kind])
    assert refused(sandbox, path).reason == Reason.NOT_MEDIA
    for container in ("mov", "matroska", "mpegts"):
        with pytest.raises(DecodeError):
            list(sandbox.frames(path, container, 0, width_px=16, height_px=16))
        with pytest.raises(DecodeError):
            sandbox.ffmpeg([*input_arguments(path, container, DecodeLimits()), "-f", "null", "-"], wall_s=20)
    assert not connected(listener)


def test_the_playlist_would_have_connected_without_all_this(tmp_path: Path, listener: socket.socket) -> None:
    path = tmp_path / "film.m3u8"
    path.write_text(playlists(tmp_path, listener)["hls_http"])
    listener.settimeout(10)
    allowed = ("-protocol_whitelist", "file,http,tcp", "-rw_timeout", "300000")
    with pytest.raises(subprocess.CalledProcessError):
        run_ffmpeg(*allowed, "-i", str(path), "-f", "null", "-")
    assert connected(listener)


def test_ffmpeg_in_the_sandbox_has_no_network(sandbox: Sandbox, listener: socket.socket) -> None:
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.mp4"
    with pytest.raises(DecodeError):
        sandbox.ffmpeg(["-i", url, "-f", "null", "-"], wall_s=20)
    assert not connected(listener)


@pytest.mark.parametrize("seed", range(12))
def test_random_bytes_behind_any_magic_are_refused_or_read(
    seed: int, sandbox: Sandbox, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    magics = [
        b"\0\0\0\x18ftypisom",
        b"\x1a\x45\xdf\xa3",
        b"RIFF\0\0\0\0AVI ",
        b"FLV\x01\x05\0\0\0\x09",
        b"OggS\0\x02",
        b"\0\0\x01\xba",
        b"ID3\x04\0\0\0\0\0\0",
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
        b"".join(b"\x47" + rng.randbytes(187) for _ in range(40)),
        b"fLaC",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"",
    ]
    path = tmp_path / "x.mp4"
    path.write_bytes(magics[seed] + rng.randbytes(200_000))
    started = time.monotonic()
    with contextlib.suppress(DecodeError):
        read_all(sandbox, path)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("seed", range(10))
def test_a_film_with_flipped_bytes_is_refused_or_read(seed: int, sandbox: Sandbox, tmp_path: Path) -> None:
    container = ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.flv"][seed % 5]
    path = make(tmp_path / container, *moving_picture(seconds=1), *tone(1), "-c:v", "libx264", "-c:a", "aac")
    rng = random.Random(seed)
    data = bytearray(path.read_bytes())
    for _ in range(200):
        data[rng.randrange(16, len(data))] = rng.randrange(256)
    path.write_bytes(data)
    started = time.monotonic()
    with contextlib.suppress(DecodeError):
        read_all(sandbox, path)
    assert time.monotonic() - started < 20


def test_a_frame_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = make(
        tmp_path / "bomb.mkv",
        *("-f", "lavfi", "-i", "color=s=8192x8192:r=1:d=1", "-c:v", "libx264", "-preset", "ultrafast"),
    )
    started = time.monotonic()
    error = refused(Sandbox(DecodeLimits()), path)
    assert error.reason == Reason.FRAME_TOO_LARGE
    assert "8192x8192" in error.detail
    with pytest.raises(DecodeError):
        list(Sandbox(DecodeLimits()).frames(path, "matroska", 0, width_px=16, height_px=16))
    assert time.monotonic() - started < 15
    with pytest.raises(DecodeError):
        Sandbox(DecodeLimits()).ffmpeg(
            [*input_arguments(path, "matroska", DecodeLimits()), "-f", "null", "-"]
        )


def test_too_many_streams_are_refused(tmp_path: Path) -> None:
    maps = [text for _ in range(9) for text in ("-map", "0:a")]
    path = make(tmp_path / "many.mkv", *tone(0.2), *maps, "-c:a", "flac")
    assert refused(Sandbox(DecodeLimits(max_streams=8)), path).reason == Reason.TOO_MANY_STREAMS
    assert Sandbox(DecodeLimits()).probe(path).num_audio_streams == 9


def test_a_codec_off_the_list_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = make(tmp_path / "a.avi", *moving_picture(seconds=0.2), "-c:v", "zmbv", "-pix_fmt", "bgr0")
    error = refused(sandbox, path)
    assert error.reason == Reason.UNSUPPORTED_FORMAT
    assert "zmbv" in error.detail


@pytest.mark.parametrize(
    "name", ["a\nb.mp4", "-i.mp4", "x" * 240 + ".mp4", "%03d.mp4", "a'b$(id);.mp4", "é 日本.mp4"]
)
def test_any_file_name_is_only_a_name(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    plain = make(tmp_path / "plain.mp4", *moving_picture(seconds=0.4), "-c:v", "libx264")
    path = plain.rename(tmp_path / name)
    assert sandbox.probe(path).video is not None
    assert len(list(sandbox.frames(path, "mov", 0, width_px=16, height_px=16))) == 10
    out = tmp_path / "out.mkv"
    sandbox.ffmpeg([*input_arguments(path, "mov", DecodeLimits()), "-c", "copy", str(out)])
    assert sandbox.probe(out).video is not None


def test_a_file_that_goes_away_is_refused_in_words(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(DecodeError) as error:
        list(sandbox.frames(tmp_path / "gone.mp4", "mov", 0, width_px=16, height_px=16))
    assert error.value.reason == Reason.UNREADABLE
    assert "no longer" in error.value.detail

"""The ffmpeg command in the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.base.rejects import Reason
from curation.media.ffmpeg import ffmpeg_binary, ffmpeg_version
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError, Sandbox, input_arguments
from tests.curation.media.made import make, moving_picture, tone


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return make(path, *moving_picture(seconds=2), *tone(2), "-c:v", "libx264", "-c:a", "aac")


def test_it_encodes_and_its_output_repeats(film: Path, tmp_path: Path) -> None:
    sandbox = Sandbox(DecodeLimits())
    made = []
    for name in ("a.mp4", "b.mp4"):
        out = tmp_path / name
        arguments = ["-map", "0:v:0", "-an", "-c:v", "libx264", "-threads", "1", "-fflags", "+bitexact"]
        arguments += ["-flags:v", "+bitexact", "-map_metadata", "-1", str(out)]
        assert sandbox.ffmpeg([*input_arguments(film, "mov", DecodeLimits()), *arguments]) == ""
        made.append(out.read_bytes())
    assert made[0] == made[1]
    facts = sandbox.probe(tmp_path / "a.mp4")
    assert facts.video is not None
    assert facts.video.duration_s == pytest.approx(2.0)


def test_its_failure_says_what_ffmpeg_said(film: Path, tmp_path: Path) -> None:
    with pytest.raises(DecodeError) as error:
        Sandbox(DecodeLimits()).ffmpeg(
            [*input_arguments(film, "mov", DecodeLimits()), "-map", "0:v:7", str(tmp_path / "out.mp4")]
        )
    assert error.value.reason == Reason.ENCODE_FAILED
    assert "matches no streams" in error.value.detail


def test_the_forced_demuxer_is_the_only_one(film: Path) -> None:
    with pytest.raises(DecodeError) as error:
        Sandbox(DecodeLimits()).ffmpeg(
            [*input_arguments(film, "matroska", DecodeLimits()), "-f", "null", "-"]
        )
    assert error.value.reason == Reason.ENCODE_FAILED


def test_it_never_waits_for_input(tmp_path: Path) -> None:
    sandbox = Sandbox(DecodeLimits())
    out = tmp_path / "a.wav"
    out.write_bytes(b"there already")
    sandbox.ffmpeg([*tone(1), str(out)], wall_s=20)
    assert sandbox.probe(out).audio is not None
    with pytest.raises(DecodeError) as error:
        sandbox.ffmpeg(["-f", "wav", "-i", "pipe:0", "-f", "null", "-"], wall_s=20)
    assert error.value.reason == Reason.ENCODE_FAILED


def test_the_binary_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pinned, version = ffmpeg_binary(), ffmpeg_version()
    assert version.startswith("ffmpeg version")
    link = tmp_path / "my-ffmpeg"
    link.symlink_to(pinned)
    for function in (ffmpeg_binary, ffmpeg_version):
        function.cache_clear()
    monkeypatch.setenv("CLIPLOOM_FFMPEG", str(link))
    assert ffmpeg_binary() == str(link)
    assert ffmpeg_version() == version
    ffmpeg_binary.cache_clear()
    monkeypatch.setenv("CLIPLOOM_FFMPEG", str(tmp_path / "nothing"))
    with pytest.raises(ValueError, match="CLIPLOOM_FFMPEG"):
        ffmpeg_binary()
    for function in (ffmpeg_binary, ffmpeg_version):
        function.cache_clear()

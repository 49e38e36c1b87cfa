"""Magic bytes and what they lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.media.sniff import looks_like, sniff, sniff_file
from tests.curation.media.made import make, moving_picture, tone

VIDEO = [*moving_picture(seconds=0.4), *tone(0.4)]

MADE = {
    "a.mp4": ("mov", ["-c:v", "libx264", "-c:a", "aac"]),
    "b.mov": ("mov", ["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
    "c.3gp": ("mov", ["-c:v", "libx264", "-c:a", "aac"]),
    "d.mkv": ("matroska", ["-c:v", "libx264", "-c:a", "flac"]),
    "e.webm": ("matroska", ["-c:v", "libvpx-vp9", "-c:a", "libopus"]),
    "f.avi": ("avi", ["-c:v", "mpeg4", "-c:a", "mp3"]),
    "g.flv": ("flv", ["-c:v", "libx264", "-c:a", "aac"]),
    "h.ts": ("mpegts", ["-c:v", "libx264", "-c:a", "aac"]),
    "i.m2ts": ("mpegts", ["-f", "mpegts", "-mpegts_m2ts_mode", "1", "-c:v", "libx264", "-c:a", "aac"]),
    "j.mpg": ("mpeg", ["-c:v", "mpeg2video", "-c:a", "mp2"]),
    "k.wmv": ("asf", ["-c:v", "wmv2", "-c:a", "wmav2"]),
    "l.ogv": ("ogg", ["-c:v", "libtheora", "-c:a", "libvorbis"]),
    "m.wav": ("wav", ["-vn"]),
    "n.mp3": ("mp3", ["-vn"]),
    "o.aac": ("aac", ["-vn", "-c:a", "aac"]),
    "p.flac": ("flac", ["-vn"]),
    "q.gif": (None, ["-an"]),
}


@pytest.mark.parametrize("name", MADE)
def test_container_is_known_by_its_first_bytes_whatever_its_name(name: str, tmp_path: Path) -> None:
    container, arguments = MADE[name]
    made = make(tmp_path / name, *VIDEO, *arguments)
    assert sniff_file(made.rename(tmp_path / "renamed.txt")) == container


@pytest.mark.parametrize(
    ("head", "phrase"),
    [
        (b"", "is in no media format"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "is a playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "is a playlist"),
        (b'<?xml version="1.0"?><MPD></MPD>', "is text (XML or JSON)"),
        (b'{"error": "not found"}', "is text (XML or JSON)"),
        (b"PK\x03\x04\x14\x00", "is an archive"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n", "is text"),
        (b"\xff\xfe" + "text".encode("utf-16-le"), "is in no media format"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is in no media format"),
    ],
)
def test_what_refers_to_other_files_or_holds_no_media_matches_nothing(
    head: bytes, phrase: str, tmp_path: Path
) -> None:
    assert sniff(head) is None
    path = tmp_path / "x.mp4"
    path.write_bytes(head)
    assert looks_like(path).startswith(phrase)


def test_a_recording_may_start_inside_a_packet(tmp_path: Path) -> None:
    made = make(tmp_path / "a.ts", *VIDEO, "-c:v", "libx264", "-c:a", "aac")
    made.write_bytes(made.read_bytes()[100:])
    assert sniff_file(made) == "mpegts"

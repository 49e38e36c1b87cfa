"""Magic bytes decide the demuxer, so that a file can never choose one that opens other files.

Playlists (HLS, DASH), concat scripts, image sequences, subtitles and text have no entry: nothing that
refers to something else is ever opened as media.
"""

from __future__ import annotations

from pathlib import Path

SNIFF_BYTES = 4096
"""How much of the start of a file is looked at."""

_TS_STEPS = (188, 192)
"""Bytes from sync byte to sync byte in a transport stream, and with the time codes of M2TS. A recording
may start inside a packet."""

_MOV_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"sidx"}
)

_PREFIXES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"FLV\x01", "flv"),
    (0, b"fLaC", "flac"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", "asf"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
)
"""(offset, magic, demuxer): RFC 8794 (EBML), RFC 3533 (Ogg), Adobe FLV 10.1, RFC 9639 (FLAC), the ASF
header object's GUID, and the pack header of ISO 11172-1."""


def sniff(head: bytes) -> str | None:
    """The demuxer for a file that starts with these bytes (`SNIFF_BYTES` of them, or the whole file).

    Returns FFmpeg's short name of the demuxer, or None for what is not media that can be opened.
    """
    for offset, magic, container in _PREFIXES:
        if head[offset : offset + len(magic)] == magic:
            return container
    if head[4:8] in _MOV_BOXES:
        return "mov"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX"):
        return "avi"
    if any(_repeats(head, offset, step) for step in _TS_STEPS for offset in range(step)):
        return "mpegts"
    return _sniff_audio(head)


def sniff_file(path: Path) -> str | None:
    """The demuxer for a file, None for what is not media that can be opened."""
    with open(path, "rb") as file:
        return sniff(file.read(SNIFF_BYTES))


def _repeats(head: bytes, offset: int, step: int) -> bool:
    """Whether a transport stream's sync byte 0x47 opens each of the first packets (at least five)."""
    syncs = head[offset::step]
    return len(syncs) >= 5 and set(syncs) == {0x47}


def _sniff_audio(head: bytes) -> str | None:
    """MP3 and AAC: an ID3v2 tag or a frame header. MPEG layer I, which nobody uses, is left out: its header
    is the mark at the start of UTF-16 text."""
    if head[:3] == b"ID3":
        return "mp3"
    if len(head) < 2 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "aac"
    layer = head[1] >> 1 & 3
    return "mp3" if head[1] & 0xE0 == 0xE0 and layer in (1, 2) else None


def looks_like(path: Path) -> str:
    """What a file that is no media seems to be, as the predicate of a sentence."""
    with open(path, "rb") as file:
        head = file.read(SNIFF_BYTES)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        return "is a web page"
    if text.startswith((b"#extm3u", b"ffconcat", b"<mpd", b"[playlist]")):
        return "is a playlist, which refers to media but holds none"
    if text.startswith((b"<?xml", b"{", b"[")):
        return "is text (XML or JSON)"
    if text.startswith((b"pk\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf", b"rar!")):
        return "is an archive"
    if head and all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in head):
        return "is text"
    return "is in no media format that is known by its first bytes"

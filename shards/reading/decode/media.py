"""Kinds of media by the extension of a member: what may demux and decode each.

The demuxer is always named, never guessed, so that a playlist dressed as a video opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_SOUND: Final = ("aac", "flac", "mp3", "opus", "vorbis", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le",
                 "pcm_u8")  # fmt: skip
_PICTURES: Final = ("av1", "h264", "hevc", "mpeg4", "vp8", "vp9")
_DECODERS: Final = {
    "aac": "aac", "av1": "libdav1d,av1", "flac": "flac", "h264": "h264", "hevc": "hevc", "mjpeg": "mjpeg",
    "mp3": "mp3float,mp3", "mpeg4": "mpeg4", "opus": "opus,libopus", "png": "png", "vorbis": "vorbis",
    "vp8": "vp8,libvpx", "vp9": "vp9,libvpx-vp9", "webp": "webp",
}  # fmt: skip
"""FFmpeg's decoders of each codec; those of PCM are called like the codec."""


@dataclass(frozen=True)
class Media:
    """A kind of media. `magic` is what lies at byte `magic_at` of every such file; `video` and `audio` are
    the codecs that are decoded; an image has neither a `demuxer` nor sound."""

    name: str
    demuxer: str | None
    magic_at: int
    magic: tuple[bytes, ...]
    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether the bytes are one picture without a container."""
        return self.demuxer is None

    @property
    def decoders(self) -> str:
        """FFmpeg's names of the decoders that may run, with commas between."""
        return ",".join(_DECODERS.get(codec, codec) for codec in (*self.video, *self.audio))

    def begins_right(self, data: bytes) -> bool:
        """Whether the file begins as such files do."""
        return data[self.magic_at :].startswith(self.magic)


def _media(*all_media: Media) -> dict[str, Media]:
    return {media.name: media for media in all_media}


MEDIA: Final = _media(
    Media("mp4", "mp4", 4, (b"ftyp",), _PICTURES, _SOUND),
    Media("mov", "mov", 4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"), _PICTURES, _SOUND),
    Media("m4a", "mp4", 4, (b"ftyp",), (), _SOUND),
    Media("mkv", "matroska", 0, (b"\x1aE\xdf\xa3",), _PICTURES, _SOUND),
    Media("webm", "matroska", 0, (b"\x1aE\xdf\xa3",), ("av1", "vp8", "vp9"), ("opus", "vorbis")),
    Media("flac", "flac", 0, (b"fLaC", b"ID3"), (), ("flac",)),
    Media("wav", "wav", 0, (b"RIFF", b"RF64"), (), tuple(codec for codec in _SOUND if codec[:3] == "pcm")),
    Media("mp3", "mp3", 0, (b"ID3", b"\xff"), (), ("mp3",)),
    Media("jpg", None, 0, (b"\xff\xd8\xff",), ("mjpeg",)),
    Media("png", None, 0, (b"\x89PNG\r\n\x1a\n",), ("png",)),
    Media("webp", None, 0, (b"RIFF",), ("webp",)),
)


def media_of(name: str) -> Media:
    """The kind of media of a member's extension; of a form (`small.mp4`) the last part counts.

    Raises:
        ValueError: it is none that can be decoded.
    """
    media = MEDIA.get(name.rsplit(".", 1)[-1])
    if media is None:
        raise ValueError(f"media = {name!r} cannot be decoded; {', '.join(sorted(MEDIA))} can")
    return media

"""Media of strangers: known by their first bytes, and decoded from end to end in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from curation.base.rejects import Reason
from curation.media.facts import VideoFacts
from curation.media.limits import DEFAULT_LIMITS
from curation.media.sandbox import DecodeError, Sandbox
from curation.media.sniff import SNIFF_BYTES, looks_like, sniff
from shards.format import MEDIA_TYPES
from shards.reading.decode.media import MEDIA

CHECK_SIDE_PX = 32
"""Frames are decoded in full and scaled down to this before they come out of the sandbox."""
HELD = sorted(MEDIA_TYPES["video"] | MEDIA_TYPES["audio"] | MEDIA_TYPES["image"])
_IMAGES = ((b"\xff\xd8\xff", "jpg", "jpeg_pipe"), (b"\x89PNG\r\n\x1a\n", "png", "png_pipe"))
_TIME_DECIMALS = 6


@dataclass(frozen=True)
class CheckedMedia:
    """A file that decodes. `extension` is what its bytes are, whatever its name says. Videos have frame times
    (seconds from the first frame) and the numbers of frames that decode alone; images have no duration."""

    kind: str
    extension: str
    duration_s: float
    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    frame_times_s: tuple[float, ...] = ()
    keyframes: tuple[int, ...] = ()


def check_media(sandbox: Sandbox, path: Path) -> CheckedMedia:
    """Decode a file from end to end.

    Raises:
        DecodeError: it is no media that shards may hold, or does not decode.
    """
    with open(path, "rb") as file:
        head = file.read(SNIFF_BYTES)
    if not head:
        raise DecodeError(Reason.EMPTY_FILE, "is empty; copy it again")
    image = _image(head)
    if image is not None:
        return _check_image(sandbox, path, *image)
    container = sniff(head)
    if container is None:
        raise DecodeError(Reason.NOT_MEDIA, f"{looks_like(path)}, whatever its name says")
    facts = sandbox.probe(path)
    streams = facts.num_video_streams if facts.video is not None else facts.num_audio_streams
    if streams > 1:
        raise DecodeError(
            Reason.TOO_MANY_STREAMS,
            f"has {streams} streams of which readers take the first; keep one of them",
        )
    if facts.video is not None:
        return _check_video(sandbox, path, container, facts.video, _extension(container, head, video=True))
    if facts.audio is None:
        raise DecodeError(Reason.NO_VIDEO, "holds neither video nor sound")
    extension = _extension(container, head, video=False)
    _check_codec(extension, facts.audio.codec, MEDIA[extension].audio)
    return CheckedMedia("audio", extension, _sound_s(sandbox, path, container, facts.audio.index))


def duration_of(sandbox: Sandbox, path: Path) -> float | None:
    """How long media are, in seconds, measured from packets (video) or samples (sound); None for images.

    Raises:
        DecodeError: they are no media, or do not decode.
    """
    facts = sandbox.probe(path)
    if facts.video is not None:
        return facts.video.duration_s
    return None if facts.audio is None else _sound_s(sandbox, path, facts.container, facts.audio.index)


def _image(head: bytes) -> tuple[str, str] | None:
    """Extension and demuxer of an image."""
    for magic, extension, demuxer in _IMAGES:
        if head.startswith(magic):
            return extension, demuxer
    return ("webp", "webp_pipe") if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def _check_image(sandbox: Sandbox, path: Path, extension: str, demuxer: str) -> CheckedMedia:
    if extension == "jpg":
        # Decoders fill the rest of a picture that was cut off, and say nothing.
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - SNIFF_BYTES))
            if b"\xff\xd9" not in file.read():
                raise DecodeError(
                    Reason.DECODE_FAILED, "is a JPEG without an end: it was cut off; copy it again"
                )
    facts = sandbox.probe(path, demuxer)
    assert facts.video is not None, "an image is a stream of pictures"
    _check_side(facts.video)
    _decode(sandbox, path, demuxer, facts.video.index)
    return CheckedMedia("image", extension, 0.0, facts.video.width_px, facts.video.height_px)


def _check_video(
    sandbox: Sandbox, path: Path, container: str, video: VideoFacts, extension: str
) -> CheckedMedia:
    _check_codec(extension, video.codec, MEDIA[extension].video)
    _check_side(video)
    pts, keyframes = _decode(sandbox, path, container, video.index)
    unit_s = Fraction(video.time_base)
    return CheckedMedia(
        kind="video",
        extension=extension,
        duration_s=round(video.duration_s, _TIME_DECIMALS),
        width_px=video.width_px,
        height_px=video.height_px,
        fps=video.fps,
        frame_times_s=tuple(round(float((each - pts[0]) * unit_s), _TIME_DECIMALS) for each in pts),
        keyframes=keyframes,
    )


def _decode(sandbox: Sandbox, path: Path, container: str, stream: int) -> tuple[list[int], tuple[int, ...]]:
    """The pts of all frames, and the numbers of those that decode alone."""
    pts, keyframes = [], []
    frames = sandbox.frames(
        path, container, stream, width_px=CHECK_SIDE_PX, height_px=CHECK_SIDE_PX, gray=True
    )
    for number, frame in enumerate(frames):
        pts.append(frame.pts)
        if frame.key:
            keyframes.append(number)
    if frames.damage:
        raise DecodeError(Reason.DECODE_FAILED, f"is damaged: {frames.damage}")
    return pts, tuple(keyframes)


def _sound_s(sandbox: Sandbox, path: Path, container: str, stream: int) -> float:
    rate_hz = 16000
    chunks = sandbox.audio(path, container, stream, sample_rate_hz=rate_hz)
    samples = sum(len(chunk) for chunk in chunks)
    if chunks.damage:
        raise DecodeError(Reason.DECODE_FAILED, f"is damaged: {chunks.damage}")
    if not samples:
        raise DecodeError(Reason.DECODE_FAILED, "holds no sound, though it is a sound file")
    return round(samples / rate_hz, _TIME_DECIMALS)


def _extension(container: str, head: bytes, *, video: bool) -> str:
    if container == "mov" and head[4:8] == b"ftyp":
        return "mp4" if video else "m4a"
    if container == "matroska" and video:
        return "webm" if b"webm" in head[:64] else "mkv"
    if container in ("flac", "mp3", "wav") and not video:
        return container
    raise DecodeError(
        Reason.UNSUPPORTED_FORMAT,
        f"is {container}, which shards do not hold ({', '.join(HELD)} they do); convert it first",
    )


def _check_side(video: VideoFacts) -> None:
    side_px = min(video.width_px, video.height_px)
    if side_px < DEFAULT_LIMITS.min_side_px:
        raise DecodeError(
            Reason.FRAME_TOO_SMALL,
            f"is {video.width_px} x {video.height_px} pixels, smaller than {DEFAULT_LIMITS.min_side_px}",
        )


def _check_codec(extension: str, codec: str, allowed: Sequence[str]) -> None:
    if codec not in allowed:
        raise DecodeError(
            Reason.UNSUPPORTED_FORMAT,
            f"is {extension} with codec {codec}, which readers do not decode ({', '.join(allowed)} they "
            f"do); convert it first",
        )

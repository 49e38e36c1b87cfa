"""What a probe of a file found. It comes from a child that is not trusted, so every value is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curation.media.checked import measure, pts, whole
from curation.media.text import plain_text

_MAX_NAME_CHARS = 40
_MAX_SIDE_PX = 1 << 20
_TIME_BASE = re.compile(r"[1-9][0-9]{0,9}/[1-9][0-9]{0,9}")


@dataclass(frozen=True)
class VideoFacts:
    """The best video stream. Sizes are as displayed: rotation and pixel aspect applied. `start_pts` and
    `duration_s` are measured from packets; `fps` is the average rate, 0 if unknown."""

    index: int
    codec: str
    width_px: int
    height_px: int
    fps: float
    time_base: str
    start_pts: int
    duration_s: float
    rotation_deg: int
    pixel_format: str
    bit_depth: int


@dataclass(frozen=True)
class AudioFacts:
    """The best audio stream."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class ProbeFacts:
    """What a file holds; `video` and `audio` are the streams to use, None if there is none.
    `num_pictures` counts cover art. `metadata` is what the file says of itself, as it stands there."""

    container: str
    num_video_streams: int
    num_pictures: int
    num_audio_streams: int
    video: VideoFacts | None
    audio: AudioFacts | None
    metadata: Mapping[str, str]


def parse_facts(container: str, values: Mapping[str, Any]) -> ProbeFacts:
    """Facts out of what a child sent.

    Raises:
        KeyError, TypeError, ValueError: it is not what a probe sends.
    """
    video, audio = values["video"], values["audio"]
    return ProbeFacts(
        container=container,
        num_video_streams=whole(values["num_video_streams"]),
        num_pictures=whole(values["num_pictures"]),
        num_audio_streams=whole(values["num_audio_streams"]),
        video=None if video is None else _parse_video(video),
        audio=None if audio is None else _parse_audio(audio),
        metadata={str(key): str(value) for key, value in dict(values["metadata"]).items()},
    )


def _parse_video(values: Mapping[str, Any]) -> VideoFacts:
    time_base = str(values["time_base"])
    if not _TIME_BASE.fullmatch(time_base):
        raise ValueError(f"time base {time_base[:40]!r}")
    return VideoFacts(
        index=whole(values["index"]),
        codec=plain_text(str(values["codec"]), _MAX_NAME_CHARS),
        width_px=whole(values["width_px"], least=1, most=_MAX_SIDE_PX),
        height_px=whole(values["height_px"], least=1, most=_MAX_SIDE_PX),
        fps=measure(values["fps"]),
        time_base=time_base,
        start_pts=pts(values["start_pts"]),
        duration_s=measure(values["duration_s"]),
        rotation_deg=whole(values["rotation_deg"], most=270),
        pixel_format=plain_text(str(values["pixel_format"]), _MAX_NAME_CHARS),
        bit_depth=whole(values["bit_depth"], most=64),
    )


def _parse_audio(values: Mapping[str, Any]) -> AudioFacts:
    return AudioFacts(
        index=whole(values["index"]),
        codec=plain_text(str(values["codec"]), _MAX_NAME_CHARS),
        sample_rate_hz=whole(values["sample_rate_hz"], most=1 << 31),
        channels=whole(values["channels"]),
    )

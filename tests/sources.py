"""Records of sources that no file lies behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from curation.records import SourceVideo, VideoStream

_STREAM = VideoStream(
    index=0,
    codec="h264",
    width_px=320,
    height_px=180,
    fps=25.0,
    time_base="1/1000",
    start_pts=0,
    rotation_deg=0,
    pixel_format="yuv420p",
    bit_depth=8,
)
_SOURCE = SourceVideo(
    video_id="v",
    input_id="i",
    uri="/nowhere/film.mp4",
    size_bytes=1,
    container="mov",
    duration_s=100.0,
    num_video_streams=1,
    video=_STREAM,
    audio=None,
    licence=None,
    title=None,
)


def video_stream(**facts: Any) -> VideoStream:
    """A stream of 320 x 180 pixels at 25 frames per second, but for the given facts."""
    return replace(_STREAM, **facts)


def source_video(**facts: Any) -> SourceVideo:
    """A silent mp4 with such a stream, but for the given facts."""
    return replace(_SOURCE, **facts)

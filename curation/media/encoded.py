"""Decodes what the cut encoded, in process: its own bytes, whose sha256 was checked."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TypeAlias

import av
import numpy as np
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

Luma: TypeAlias = NDArray[np.uint8]

_FULL_RANGE = np.clip((np.arange(256) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)
"""Luma of 16..235 (ITU-R BT.601) as 0..255: what a conversion by the frame would give, in less time."""

EVERY_SLACK_S = 1 / 120
"""Half a frame of 60 fps, so that a picture due at 0.1 s is not taken at 0.117 s."""
EVEN_SLACK_S = 1e-3


def luma_every(mp4: bytes, step_s: float) -> Iterator[tuple[float, Luma]]:
    """(seconds from the first frame, luma 0..255) about every `step_s`, decoded on one thread."""
    with av.open(io.BytesIO(mp4), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        first_s = next_s = None
        for frame in container.decode(stream):
            first_s = frame.time if first_s is None else first_s
            time_s = frame.time - first_s
            if next_s is not None and time_s < next_s:
                continue
            next_s = time_s + step_s - EVERY_SLACK_S
            yield time_s, _luma(frame)


def luma_even(mp4: bytes, count: int, duration_s: float) -> list[Luma]:
    """The luma of the frames shown in the middles of `count` equal parts of a clip.

    Each is reached from the keyframe before it. A clip of fewer frames gives some of them twice.
    """
    pictures = list[Luma]()
    with av.open(io.BytesIO(mp4), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        unit = stream.time_base
        assert unit is not None, "mp4 always has a timescale"
        first_pts = stream.start_time or 0
        for part in range(count):
            target_pts = first_pts + int((duration_s * (part + 0.5) / count + EVEN_SLACK_S) / unit)
            container.seek(target_pts, stream=stream)
            pictures.append(_shown(container, stream, target_pts))
    return pictures


def _shown(container: av.container.InputContainer, stream: av.VideoStream, target_pts: int) -> Luma:
    """The last frame at or before a time; the first after it where there is none."""
    shown = None
    for frame in container.decode(stream):
        if shown is not None and frame.pts > target_pts:
            break
        shown = frame
    assert shown is not None, "a clip has a frame"
    return _luma(shown)


def _luma(frame: av.VideoFrame) -> Luma:
    if frame.format.name != "yuv420p" or frame.color_range == ColorRange.JPEG:
        return np.asarray(frame.to_ndarray(format="gray", threads=1), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return np.asarray(_FULL_RANGE[rows[:, : plane.width]], np.uint8)

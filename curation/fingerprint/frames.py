"""Frames of a clip, evenly in time, without decoding all of it."""

from __future__ import annotations

import io

import av
import numpy as np

from curation.fingerprint.phash import Luma

_SLACK_S = 1e-3


def even_frames(mp4: bytes, count: int, duration_s: float) -> list[Luma]:
    """The luma (H, W, 0..255) of the frames shown in the middles of `count` equal parts of a clip.

    `mp4` is a form that the cut encoded and whose sha256 was checked: it is decoded in this process. Each
    frame is reached from the keyframe before it. A clip of fewer frames gives some of them twice.
    """
    pictures = list[Luma]()
    with av.open(io.BytesIO(mp4), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        unit = stream.time_base
        assert unit is not None, "mp4 always has a timescale"
        first_pts = stream.start_time or 0
        for part in range(count):
            target_pts = first_pts + int((duration_s * (part + 0.5) / count + _SLACK_S) / unit)
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
    return np.asarray(shown.to_ndarray(format="gray", threads=1), np.uint8)

"""Pictures to measure on: a time-lapse of the clip's small form, and the kept frames of the source."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]

STILL_SHORT_SIDE_PX = 480
# Half a frame of 60 fps of slack, so that a picture due at 0.1 s is not taken at 0.117 s.
_SLACK_S = 1 / 120


def frames_every(mp4: bytes, step_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """(seconds from the first frame, frame) of a form about every `step_s`, decoded on one thread.

    `mp4` is a form that the cut wrote and whose sha256 was checked: it is decoded in this process.
    """
    with av.open(io.BytesIO(mp4), format="mp4") as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        first_s = next_s = None
        for frame in container.decode(stream):
            first_s = frame.time if first_s is None else first_s
            time_s = frame.time - first_s
            if next_s is not None and time_s < next_s:
                continue
            next_s = time_s + step_s - _SLACK_S
            yield time_s, frame


def still_picture(jpeg: bytes) -> Image:
    """A kept frame of the source as BGR (H, W, 3), 480 px on its short side where it has them."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"a kept frame of {len(jpeg)} bytes is no JPEG picture: cut the clip again")
    return shrunk(np.asarray(picture, np.uint8), STILL_SHORT_SIDE_PX)


def shrunk(picture: Image, short_side_px: int) -> Image:
    """The picture with its short side at most so long, by averaging."""
    height, width = picture.shape[:2]
    scale = short_side_px / min(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

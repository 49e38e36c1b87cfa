"""A time-lapse of the clip's small form to measure motion and light on."""

from __future__ import annotations

from collections.abc import Iterator

from curation.filters.measures.pictures import Image, frames_every, shrunk

STEP_S = 0.1
"""Time between the pictures that motion and light are measured on."""
MOTION_SHORT_SIDE_PX = 144


def luma_pictures(mp4: bytes) -> Iterator[tuple[float, Image]]:
    """(seconds from the first frame, luma picture 0..255) about every `STEP_S`, at most 144 px high."""
    for time_s, frame in frames_every(mp4, STEP_S):
        yield time_s, shrunk(frame.to_ndarray(format="gray", threads=1), MOTION_SHORT_SIDE_PX)

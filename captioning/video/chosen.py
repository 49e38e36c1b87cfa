"""Which frames of a clip a model sees, and how large."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from curation.base.media_store import MediaStore
from curation.records import Clip, Frame

NO_FRAMES = "the clip has no frames for captioners"


def chosen_frames(frames: Sequence[Frame], most: int) -> list[Frame]:
    """At most so many frames, in order of time and evenly spread, the first and the last among them."""
    ordered = sorted(frames, key=lambda frame: frame.time_s)
    if len(ordered) <= most:
        return ordered
    if most == 1:
        return [ordered[len(ordered) // 2]]
    return [ordered[round(number * (len(ordered) - 1) / (most - 1))] for number in range(most)]


def jpegs(clip: Clip, media: MediaStore, most: int, short_side_px: int) -> Iterator[tuple[float, bytes]]:
    """(seconds from the clip's start, JPEG) of chosen frames, smaller where they exceed the short side."""
    for frame in chosen_frames(clip.frames, most):
        yield frame.time_s, fitting_jpeg(frame, media, short_side_px)


def fitting_jpeg(frame: Frame, media: MediaStore, short_side_px: int) -> bytes:
    """A frame as it is, or made smaller where it exceeds the short side."""
    jpeg = media.read(frame.media)
    if min(frame.width_px, frame.height_px) <= short_side_px:
        return jpeg
    from PIL import Image

    scale = short_side_px / min(frame.width_px, frame.height_px)
    size = (max(1, round(frame.width_px * scale)), max(1, round(frame.height_px * scale)))
    written = io.BytesIO()
    with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0).save(written, "JPEG", quality=90)
    return written.getvalue()

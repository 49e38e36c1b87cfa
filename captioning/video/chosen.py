"""Which frames of a clip a model sees, and how large."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence

from curation.base.media_store import MediaStore
from curation.records import Clip, Frame

NO_FRAMES = "the clip has no frames for captioners"


def chosen_frames(clip: Clip, most: int) -> list[Frame]:
    """At most so many frames of a clip, in order of time, evenly spread. Of a clip of several shots one of
    each comes first, the nearest to its middle, and the others where they are farthest in time from those."""
    ordered = sorted(clip.frames, key=lambda frame: frame.time_s)
    taken = set(_evenly(_of_shots(clip, ordered) or range(len(ordered)), most))
    while len(taken) < min(most, len(ordered)):
        times_s = [ordered[number].time_s for number in taken]
        left = [number for number in range(len(ordered)) if number not in taken]
        taken.add(max(left, key=lambda number: _distance_s(ordered[number].time_s, times_s)))
    return [ordered[number] for number in sorted(taken)]


def _of_shots(clip: Clip, ordered: Sequence[Frame]) -> list[int]:
    """The frame that is nearest to the middle of each shot that has any; none for a clip of one shot."""
    if len(clip.shot_starts_s) < 2:
        return []
    found = []
    for start_s, end_s in itertools.pairwise((*clip.shot_starts_s, clip.duration_s)):
        middle_s = (start_s + end_s) / 2
        inside = [number for number, frame in enumerate(ordered) if start_s <= frame.time_s < end_s]
        if inside:
            found.append(min(inside, key=lambda number: abs(ordered[number].time_s - middle_s)))
    return found


def _evenly(numbers: Sequence[int], most: int) -> list[int]:
    """At most so many, the first and the last among them."""
    if len(numbers) <= most:
        return list(numbers)
    if most == 1:
        return [numbers[len(numbers) // 2]]
    return [numbers[round(at * (len(numbers) - 1) / (most - 1))] for at in range(most)]


def _distance_s(time_s: float, others_s: Sequence[float]) -> float:
    return min(abs(time_s - other_s) for other_s in others_s)


def jpegs(clip: Clip, media: MediaStore, most: int, short_side_px: int) -> Iterator[tuple[float, bytes]]:
    """(seconds from the clip's start, JPEG) of chosen frames, smaller where they exceed the short side."""
    for frame in chosen_frames(clip, most):
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

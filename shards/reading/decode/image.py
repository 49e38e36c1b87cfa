"""An image as a clip of one frame. Its decoder is handed the bytes: no container is looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from shards.reading.decode.media import Media
from shards.reading.decode.opening import decoding
from shards.reading.decode.timeline import Timeline
from shards.reading.errors import DecodeError


class Image:
    """One frame, shown at 0 for a moment."""

    def __init__(self, frame: Any) -> None:
        self.timeline = Timeline(np.zeros(1, np.int64), Fraction(1, 1000))
        self._frame = frame

    def frames(self, numbers: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """The frame, if it is asked for."""
        for number in numbers:
            yield number, self._frame


@contextmanager
def image(data: bytes, media: Media, max_pixels: int) -> Iterator[Image]:
    """A decoded image (of an animation the first picture).

    Raises:
        DecodeError: the bytes are no such image, or it is too large.
    """
    import av

    if not media.begins_right(data):
        raise DecodeError(f"not {media.name}: it begins with {data[media.magic_at :][:8]!r}")
    codec = av.CodecContext.create(media.decoders, "r")
    codec.options = {"max_pixels": str(max_pixels)}
    codec.thread_count = 1
    with decoding(f"not {media.name}"):
        frames = [*codec.decode(av.Packet(data)), *codec.decode(None)]
    if not frames:
        raise DecodeError(f"{media.name} without a picture")
    yield Image(frames[0])

"""A decoded frame to RGB of the size asked for: cropped before it is scaled, scaled in one step."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shards.reading.decode.opening import check_size
from shards.reading.decode.views import ShortSide, Size, Square
from shards.reading.errors import DecodeError


class Plane(NamedTuple):
    """How samples lie in a plane: bytes from column to column, pixels from sample to sample."""

    column_bytes: int
    step_x: int
    step_y: int


class Scaler:
    """Scales the frames of one clip; not to be shared between threads.

    Frames are shown upright: quarter turns that the file asks for are done, mirrors are not. What is
    transparent shows the colour stored beneath. Equal frames give equal bytes on any CPU: rounding is exact.
    """

    def __init__(self, scaling: Literal["area", "bilinear", "bicubic"], max_pixels: int) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        kind = {"area": "AREA", "bilinear": "BILINEAR", "bicubic": "BICUBIC"}[scaling]
        self._flags = int(Interpolation[kind] | Interpolation.ACCURATE_RND | Interpolation.BITEXACT)
        self._max_pixels = max_pixels
        # One context for all frames, and no threads of its own: setting up either costs more than a frame.
        self._reformatter = VideoReformatter()

    def rgb(self, frame: Any, size: Size) -> NDArray[np.uint8]:
        """A view of RGB uint8 [H, W, 3], good until the next call.

        Raises:
            DecodeError: the frame, or what it becomes, is too large.
        """
        check_size(frame.width, frame.height, self._max_pixels)
        turns = round(frame.rotation / 90) % 4
        if _planes(frame.format.name) is None:
            frame = self._reformatter.reformat(frame, format="rgb24", interpolation=self._flags, threads=1)
        if isinstance(size, Square):
            frame = _centre_square(frame)
        width, height = scaled_size(frame.width, frame.height, size)
        if width * height > self._max_pixels:
            raise DecodeError(
                f"a frame of {frame.width} x {frame.height} would become {width} x {height}, "
                f"limit {self._max_pixels} pixels"
            )
        scaled = self._reformatter.reformat(
            frame, width=width, height=height, format="rgb24", interpolation=self._flags, threads=1
        )
        pixels = _rows(scaled.planes[0])[:height, : width * 3].reshape(height, width, 3)
        return np.rot90(pixels, turns)


def scaled_size(width: int, height: int, size: Size) -> tuple[int, int]:
    """Width and height in pixels of what a frame becomes."""
    if isinstance(size, ShortSide):
        short = min(width, height)
        # Halves go up, in whole numbers: the same on any machine.
        double = 2 * size.size_px
        return (width * double + short) // (2 * short), (height * double + short) // (2 * short)
    return size.size_px, size.size_px


def _centre_square(frame: Any) -> Any:
    side = min(frame.width, frame.height)
    if frame.width == frame.height:
        return frame
    return crop(frame, (frame.width - side) // 2, (frame.height - side) // 2, side)


def crop(frame: Any, left: int, top: int, side: int) -> Any:
    """A square of a frame, moved left and up to whole chroma samples."""
    import av

    planes = _planes(frame.format.name)
    if planes is None:
        raise AssertionError(f"frames of {frame.format.name} are made RGB first")
    left -= left % max(plane.step_x for plane in planes)
    top -= top % max(plane.step_y for plane in planes)
    square = av.VideoFrame(side, side, frame.format.name)
    for plane, source, target in zip(planes, frame.planes, square.planes, strict=True):
        start = left // plane.step_x * plane.column_bytes
        num_bytes = -(-side // plane.step_x) * plane.column_bytes
        first, num_rows = top // plane.step_y, -(-side // plane.step_y)
        part = _rows(source)[first : first + num_rows, start : start + num_bytes]
        _rows(target)[:num_rows, :num_bytes] = part
    square.colorspace, square.color_range = frame.colorspace, frame.color_range
    return square


def _rows(plane: Any) -> NDArray[np.uint8]:
    data = np.frombuffer(plane, np.uint8)
    whole = len(data) // plane.line_size
    return data[: whole * plane.line_size].reshape(whole, plane.line_size)


@lru_cache
def _planes(pixel_format: str) -> tuple[Plane, ...] | None:
    """The layout of a pixel format by plane; None where a column is no whole number of bytes, or means
    something else than a colour."""
    from av import VideoFormat

    layout = VideoFormat(pixel_format, 64, 64)
    if layout.has_palette or layout.is_bit_stream or layout.is_bayer:
        return None
    planes = []
    for number in range(1 + max(component.plane for component in layout.components)):
        inside = [component for component in layout.components if component.plane == number]
        steps = {(64 // component.width, 64 // component.height) for component in inside}
        if len(steps) != 1:
            return None
        planes.append(Plane(sum(-(-component.bits // 8) for component in inside), *steps.pop()))
    bits = sum(8 * plane.column_bytes / (plane.step_x * plane.step_y) for plane in planes)
    return tuple(planes) if bits == layout.padded_bits_per_pixel else None

"""Which way up a frame is shown (the transformation matrix of ISO 14496-12, 8.3.2)."""

from __future__ import annotations

import struct
from typing import Any, cast

from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

_MATRIX = struct.Struct("9i")
Signs = tuple[int, int, int, int]
Filters = tuple[tuple[str, str], ...]

_UPRIGHT: Signs = (1, 0, 0, 1)

_FILTERS: dict[Signs, Filters] = {
    _UPRIGHT: (),
    (-1, 0, 0, 1): (("hflip", ""),),
    (1, 0, 0, -1): (("vflip", ""),),
    (-1, 0, 0, -1): (("hflip", ""), ("vflip", "")),
    (0, 1, -1, 0): (("transpose", "clock"),),
    (0, -1, 1, 0): (("transpose", "cclock"),),
    (0, 1, 1, 0): (("transpose", "cclock_flip"),),
    (0, -1, -1, 0): (("transpose", "clock_flip"),),
}
"""By the signs of the matrix entries a, b, c, d (x' = a x + c y, y' = b x + d y): the filters that do it."""

_BY_ROTATION: dict[int, Signs] = {
    0: _UPRIGHT,
    -90: (0, 1, -1, 0),
    90: (0, -1, 1, 0),
    180: (-1, 0, 0, -1),
    -180: (-1, 0, 0, -1),
}


def orientation(frame: VideoFrame) -> Signs:
    """Signs of a, b, c, d; upright where the frame has no matrix, or none that is made of quarter turns."""
    try:
        # Not `frame.side_data`: frame and container would hold each other, and pixels wait for the collector.
        matrix = bytes(cast("Any", SideDataContainer)(frame)["DISPLAYMATRIX"])
    except KeyError:
        return _UPRIGHT
    except ValueError:  # PyAV refuses the whole list when a kind of side data is newer than itself
        return _BY_ROTATION.get(frame.rotation, _UPRIGHT)
    if len(matrix) != _MATRIX.size:
        return _UPRIGHT
    a, b, _, c, d, *_ = _MATRIX.unpack(matrix)
    signs = (_sign(a), _sign(b), _sign(c), _sign(d))
    return signs if signs in _FILTERS else _UPRIGHT


def upright_filters(frame: VideoFrame) -> Filters:
    """The filters that show a frame the way it is meant, as (name, arguments)."""
    return _FILTERS[orientation(frame)]


def rotation_deg(signs: Signs) -> int:
    """Clockwise turn in degrees (0, 90, 180, 270) that shows the frame upright, mirroring aside."""
    return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[signs[:2]]


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)

"""Where scenes that are too long are divided. Pure arithmetic on pts; nothing here touches media."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

from curation.records import Extent, Shot


def duration(stretch: Extent | Shot, time_base: str) -> Fraction:
    """Length in seconds, exact."""
    return (stretch.end_pts - stretch.start_pts) * Fraction(time_base)


def equal_pieces(extent: Extent, frame_pts: Sequence[int], max_pts: int) -> list[Extent]:
    """The fewest equal pieces of at most `max_pts`, without gap or overlap.

    `frame_pts` are the pts of all frames of `extent`. Each piece starts at the frame nearest to where it
    should. A piece is longer than `max_pts` only where a single frame is shown for very long.
    """
    length = extent.end_pts - extent.start_pts
    fewest = -(-length // max_pts)
    pieces = _divided(extent, frame_pts, fewest)
    if max(piece.end_pts - piece.start_pts for piece in pieces) > max_pts:
        pieces = _divided(extent, frame_pts, fewest + 1)
    return pieces


def random_piece(extent: Extent, frame_pts: Sequence[int], max_pts: int, draw: int) -> Extent:
    """A piece of `max_pts`, at most one frame shorter, at a place that a large random number decides.

    It is longer only where its first frame is shown for longer.
    """
    room = extent.end_pts - extent.start_pts - max_pts
    offset = draw % (room + 1)
    first = bisect_right(frame_pts, extent.start_pts + offset) - 1
    bounds = [*frame_pts, extent.end_pts]
    after = max(first + 1, bisect_right(bounds, frame_pts[first] + max_pts) - 1)
    return _piece(extent, bounds, first, after)


def _divided(extent: Extent, frame_pts: Sequence[int], count: int) -> list[Extent]:
    length = extent.end_pts - extent.start_pts
    starts = {_nearest(frame_pts, extent.start_pts + length * part // count) for part in range(1, count)}
    bounds = [*frame_pts, extent.end_pts]
    edges = sorted({0, *starts, len(frame_pts)})
    return [_piece(extent, bounds, first, after) for first, after in itertools.pairwise(edges)]


def _nearest(frame_pts: Sequence[int], target: int) -> int:
    """The index of the frame that starts nearest to a target, the earlier one of two."""
    after = bisect_left(frame_pts, target)
    around = [index for index in (after - 1, after) if 0 <= index < len(frame_pts)]
    return min(around, key=lambda index: abs(frame_pts[index] - target))


def _piece(extent: Extent, bounds: Sequence[int], first: int, after: int) -> Extent:
    return Extent(
        start_pts=bounds[first],
        end_pts=bounds[after],
        start_frame=extent.start_frame + first,
        last_frame=extent.start_frame + after - 1,
    )

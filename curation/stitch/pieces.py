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
    """The fewest pieces of at most `max_pts`, as equal as whole frames allow, without gap or overlap.

    `frame_pts` are the pts of all frames of `extent`. Each piece starts at the frame nearest to where it
    should, or where it must for all to be short enough. A piece longer than `max_pts` is a single frame
    that is shown for so long.
    """
    bounds = [*frame_pts, extent.end_pts]
    latest = _latest_ends(bounds, max_pts)
    length = extent.end_pts - extent.start_pts
    edges = [0]
    for part, first in enumerate(_earliest_ends(bounds, max_pts, len(latest)), start=1):
        nearest = _nearest(bounds, extent.start_pts + length * part // len(latest))
        edges.append(min(max(nearest, first, edges[-1] + 1), _reach(bounds, edges[-1], max_pts)))
    return [_piece(extent, bounds, first, after) for first, after in itertools.pairwise(edges)]


def random_piece(extent: Extent, frame_pts: Sequence[int], max_pts: int, draw: int) -> Extent:
    """A piece of `max_pts`, at most one frame shorter, at a place that a large random number decides.

    It is longer only where its first frame is shown for longer.
    """
    room = extent.end_pts - extent.start_pts - max_pts
    offset = draw % (room + 1)
    first = bisect_right(frame_pts, extent.start_pts + offset) - 1
    bounds = [*frame_pts, extent.end_pts]
    return _piece(extent, bounds, first, _reach(bounds, first, max_pts))


def _latest_ends(bounds: Sequence[int], max_pts: int) -> list[int]:
    """Where pieces end at the latest, of which there are then as few as can be."""
    ends = [0]
    while ends[-1] < len(bounds) - 1:
        ends.append(_reach(bounds, ends[-1], max_pts))
    return ends[1:]


def _earliest_ends(bounds: Sequence[int], max_pts: int, count: int) -> list[int]:
    """Where each of so many pieces ends at the earliest, if those after it are to be short enough."""
    ends = [len(bounds) - 1]
    for _ in range(count - 1):
        ends.append(max(0, min(ends[-1] - 1, bisect_left(bounds, bounds[ends[-1]] - max_pts))))
    return ends[::-1]


def _reach(bounds: Sequence[int], first: int, max_pts: int) -> int:
    """The last end of a piece of at most `max_pts`, or of one frame."""
    return max(first + 1, bisect_right(bounds, bounds[first] + max_pts) - 1)


def _nearest(bounds: Sequence[int], target: int) -> int:
    """The index of the bound nearest to a target, the earlier one of two."""
    after = bisect_left(bounds, target)
    around = [index for index in (after - 1, after) if 0 <= index < len(bounds)]
    return min(around, key=lambda index: abs(bounds[index] - target))


def _piece(extent: Extent, bounds: Sequence[int], first: int, after: int) -> Extent:
    return Extent(
        start_pts=bounds[first],
        end_pts=bounds[after],
        start_frame=extent.start_frame + first,
        last_frame=extent.start_frame + after - 1,
    )

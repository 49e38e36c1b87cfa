"""Division of long scenes: exact frames, no gap, no overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.records import Extent
from curation.stitch.pieces import equal_pieces, random_piece


def extent_of(frame_pts: list[int], end_pts: int, start_frame: int = 0) -> Extent:
    return Extent(
        start_pts=frame_pts[0],
        end_pts=end_pts,
        start_frame=start_frame,
        last_frame=start_frame + len(frame_pts) - 1,
    )


def test_equal_pieces_begin_at_frames_and_count_them() -> None:
    frame_pts = list(range(1000, 1000 + 100 * 40, 40))
    pieces = equal_pieces(extent_of(frame_pts, 5000, start_frame=7), frame_pts, 1500)
    assert [(piece.start_pts, piece.end_pts) for piece in pieces] == [
        (1000, 2320),
        (2320, 3680),
        (3680, 5000),
    ]
    assert [(piece.start_frame, piece.last_frame) for piece in pieces] == [(7, 39), (40, 73), (74, 106)]


def test_a_piece_more_is_made_where_rounding_to_frames_would_exceed_the_maximum() -> None:
    frame_pts = [0, 30, 60, 90]
    assert [piece.end_pts for piece in equal_pieces(extent_of(frame_pts, 100), frame_pts, 50)] == [
        30,
        60,
        100,
    ]


@pytest.mark.parametrize("seed", range(20))
def test_pieces_cover_scenes_of_variable_frame_rate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.choice([17, 33, 40, 100, 250], 400)
    frame_pts = [int(pts) for pts in np.cumsum(steps)]
    extent = extent_of(frame_pts, frame_pts[-1] + 40, start_frame=5)
    pieces = equal_pieces(extent, frame_pts, 3000)
    assert (pieces[0].start_pts, pieces[-1].end_pts) == (extent.start_pts, extent.end_pts)
    assert (pieces[0].start_frame, pieces[-1].last_frame) == (5, 404)
    for left, right in itertools.pairwise(pieces):
        assert (left.end_pts, left.last_frame + 1) == (right.start_pts, right.start_frame)
    for piece in pieces:
        assert piece.start_pts == frame_pts[piece.start_frame - 5]
        assert 0 < piece.end_pts - piece.start_pts <= 3000

    drawn = random_piece(extent, frame_pts, 3000, int(rng.integers(1 << 60)))
    assert drawn.start_pts == frame_pts[drawn.start_frame - 5]
    assert drawn.end_pts == [*frame_pts, extent.end_pts][drawn.last_frame + 1 - 5]
    assert 3000 - 250 < drawn.end_pts - drawn.start_pts <= 3000


def test_random_pieces_fall_everywhere() -> None:
    frame_pts = list(range(0, 10_000, 40))
    extent = extent_of(frame_pts, 10_000)
    starts = [random_piece(extent, frame_pts, 4000, draw).start_pts for draw in range(6001)]
    assert min(starts) == 0
    assert max(starts) == 6000
    assert np.mean(starts) == pytest.approx(2980, abs=30)


def test_a_frame_shown_for_very_long_is_a_piece_of_its_own() -> None:
    frame_pts = [0, 40, 80, 9080, 9120]
    lengths = [p.end_pts - p.start_pts for p in equal_pieces(extent_of(frame_pts, 9160), frame_pts, 3000)]
    assert sum(lengths) == 9160
    assert 9000 in lengths
    assert random_piece(extent_of(frame_pts, 9160), frame_pts, 3000, 500).end_pts == 9080


def fewest(lengths: Sequence[int], max_pts: int) -> int:
    """By filling each piece with frames until the next would be too much."""
    count, room = 0, 0
    for length in lengths:
        if length > room:
            count, room = count + 1, max_pts
        room -= length
    return count


def check_pieces(lengths: Sequence[int], max_pts: int) -> list[int]:
    """The lengths in pts of the pieces of a scene whose frames have these."""
    bounds = [1234, *(1234 + int(end) for end in np.cumsum(lengths))]
    pieces = equal_pieces(extent_of(bounds[:-1], bounds[-1]), bounds[:-1], max_pts)
    assert pieces[0].start_pts == bounds[0]
    assert pieces[-1].end_pts == bounds[-1]
    for left, right in itertools.pairwise(pieces):
        assert (left.end_pts, left.last_frame + 1) == (right.start_pts, right.start_frame)
    for piece in pieces:
        assert (piece.start_pts, piece.end_pts) == (bounds[piece.start_frame], bounds[piece.last_frame + 1])
        assert piece.end_pts - piece.start_pts <= max_pts or piece.start_frame == piece.last_frame
    assert len(pieces) == fewest(lengths, max_pts)
    return [piece.end_pts - piece.start_pts for piece in pieces]


RATES = [
    Fraction(30000, 1001),
    Fraction(24000, 1001),
    Fraction(60000, 1001),
    *map(Fraction, (25, 24, 30, 50)),
]


@settings(deadline=None)
@given(st.sampled_from(RATES), st.integers(200, 3000), st.integers(1, 40_000))
def test_whole_frames_decide_how_many_pieces_there_are(rate: Fraction, frames: int, max_ms: int) -> None:
    """Of a constant rate, no two pieces differ by more than a frame."""
    num_pts = rate.denominator
    max_pts = max(num_pts, max_ms * rate.numerator // 1000)
    lengths = check_pieces([num_pts] * frames, max_pts)
    assert max(lengths) - min(lengths) <= num_pts


@settings(deadline=None)
@given(st.lists(st.sampled_from([1, 16, 17, 33, 40, 100, 250, 9000]), min_size=1), st.integers(1, 1200))
def test_no_piece_of_any_frames_is_too_long_but_a_single_one(lengths: list[int], max_pts: int) -> None:
    check_pieces(lengths, max_pts)


def test_a_scene_of_many_pieces_at_an_odd_rate_loses_nothing() -> None:
    """At 30000/1001 frames per second 2.5 s are 74.9 frames: pieces of 75 would be rejected."""
    assert max(check_pieces([1001] * 7480, 75_000)) == 74 * 1001

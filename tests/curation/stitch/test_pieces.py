"""Division of long scenes: exact frames, no gap, no overlap."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

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

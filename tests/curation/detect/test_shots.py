"""Shots out of transitions: the frames that belong to each, and what is noted of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.detect.shots import ShotBuilder, shots_between
from curation.detect.transitions import Settled, Transition
from curation.media.sandbox import DecodedFrame
from curation.records import Extent, Shot, SourceVideo
from tests.sources import source_video, video_stream

PTS = [100, 200, 310, 400, 520, 600, 700, 810]


def frames(pts: Sequence[int], levels: Sequence[int] | None = None) -> list[DecodedFrame]:
    """Frames of one grey level each."""
    levels = levels or [100 + number for number in range(len(pts))]
    return [
        DecodedFrame(at, np.full((27, 48, 3), level, np.uint8), False)
        for at, level in zip(pts, levels, strict=True)
    ]


def _source(fps: float = 10.0) -> SourceVideo:
    return source_video(video=video_stream(index=3, fps=fps, start_pts=100))


def test_shots_leave_out_the_frames_of_a_transition() -> None:
    found = [Transition(1, 2, "cut", 0.75), Transition(3, 6, "gradual", 0.123456)]
    shots = shots_between(_source(), found, frames(PTS))
    assert [(each.start_frame, each.last_frame) for each in shots] == [(0, 1), (2, 3), (6, 7)]
    assert [(each.start_pts, each.end_pts) for each in shots] == [(100, 310), (310, 520), (700, 920)]
    assert [each.opened_by for each in shots] == ["start", "cut", "gradual"]
    assert [each.score for each in shots] == [1.0, 0.75, 0.1235]
    assert (shots[1].start_s, shots[1].end_s) == (0.31, 0.52)
    assert {each.stream for each in shots} == {3}
    assert len({each.shot_id for each in shots}) == 3


def test_a_single_frame_lasts_as_long_as_the_rate_says() -> None:
    (only,) = shots_between(_source(fps=25.0), [], frames([100]))
    assert (only.start_pts, only.end_pts) == (100, 140)
    (unknown,) = shots_between(_source(fps=0.0), [], frames([100]))
    assert unknown.end_pts == 101


def test_first_and_last_picture_are_those_of_the_shot() -> None:
    shots = shots_between(
        _source(), [Transition(1, 2, "cut", 0.75), Transition(3, 6, "gradual", 0.5)], frames(PTS)
    )
    levels = [(each.first_image[0], each.last_image[-1]) for each in shots]
    assert levels == [(100, 101), (102, 103), (106, 107)]
    assert {len(each.first_image) for each in shots} == {27 * 48 * 3}


def test_motion_is_the_mean_change_within_the_shot() -> None:
    levels = [100, 103, 200, 200, 50, 50, 90, 80]
    shots = shots_between(
        _source(), [Transition(1, 2, "cut", 0.75), Transition(3, 6, "gradual", 0.5)], frames(PTS, levels)
    )
    assert [each.motion for each in shots] == [3.0, 0.0, 10.0]


def test_black_edges_are_not_motion() -> None:
    (shot,) = shots_between(_source(), [], frames(PTS, [0, 0, 90, 92, 0, 94, 0, 0]))
    assert shot.motion == round((2 + 92 + 94) / 3, 4)


def test_black_frames_at_the_edges_are_not_lit() -> None:
    levels = [0, 0, 90, 0, 90, 90, 0, 0]
    (shot,) = shots_between(_source(), [], frames(PTS, levels))
    assert shot.lit == Extent(start_pts=310, end_pts=700, start_frame=2, last_frame=5)
    (whole,) = shots_between(_source(), [], frames(PTS))
    assert whole.lit == Extent(start_pts=100, end_pts=920, start_frame=0, last_frame=7)
    (dark,) = shots_between(_source(), [], frames(PTS, [0] * 8))
    assert dark.lit is None


def test_reports_in_pieces_give_the_same_shots() -> None:
    found = [Transition(99, 100, "cut", 0.9), Transition(3000, 3010, "gradual", 0.5)]
    rng = np.random.default_rng(1)
    every = [
        DecodedFrame(40 * number, rng.integers(0, 256, (27, 48, 3), dtype=np.uint8), False)
        for number in range(4000)
    ]
    expected = shots_between(_source(), found, every)
    builder = ShotBuilder(_source())
    shots: list[Shot] = []
    for number, frame in enumerate(every):
        builder.add(frame)
        if number == 1000:
            shots += builder.settle(Settled(1000, found[:1]))
        if number == 3500:
            shots += builder.settle(Settled(3400, found[1:]))
    shots += [builder.finish()]
    assert shots == expected
    assert [each.last_frame for each in shots] == [99, 3000, 3999]

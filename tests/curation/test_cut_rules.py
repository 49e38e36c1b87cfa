"""Clip rules: arithmetic on pts, sizes and counts."""

from __future__ import annotations

import pytest

from curation.cut import rules
from curation.cut.config import CutConfig
from curation.cut.rules import Span
from curation.records import Shot


def shot_of(start_pts: int, end_pts: int, time_base: str = "1/1000", frames: int = 100) -> Shot:
    return Shot(
        shot_id="s",
        video_id="v",
        stream=0,
        start_pts=start_pts,
        end_pts=end_pts,
        time_base=time_base,
        start_s=0.0,
        end_s=0.0,
        start_frame=0,
        last_frame=frames - 1,
        opened_by="start",
        score=1.0,
    )


@pytest.mark.parametrize(
    ("length_pts", "expected"),
    [(30_000, []), (30_001, [15_000]), (60_000, [30_000]), (90_001, [22_500, 45_000, 67_500]), (1, [])],
)
def test_long_shots_are_divided_into_equal_pieces(length_pts: int, expected: list[int]) -> None:
    shot = shot_of(5000, 5000 + length_pts)
    assert rules.split_targets(shot, 30.0) == [5000 + target for target in expected]


def test_pieces_cover_the_shot() -> None:
    spans = rules.spans(shot_of(10, 100), [40, 70])
    assert spans == [Span(10, 40), Span(40, 70), Span(70, 100)]
    assert rules.spans(shot_of(10, 100), []) == [Span(10, 100)]


def test_captioners_see_the_middles_of_equal_parts() -> None:
    frame_pts = list(range(0, 4000, 40))
    targets = rules.caption_targets(4000, 40, 4)
    assert [frame_pts[pick] for pick in rules.caption_picks(frame_pts, targets)] == [480, 1480, 2480, 3480]


def test_captioners_see_each_frame_once_and_at_least_one() -> None:
    assert rules.caption_picks([0, 40, 80], rules.caption_targets(120, 40, 3)) == [0, 1, 2]
    assert rules.caption_picks([0, 40], rules.caption_targets(80, 40, 3)) == [0, 1]
    assert rules.caption_picks([0], rules.caption_targets(40, 40, 16)) == [0]
    assert rules.caption_picks([0, 1, 2], [500, 900]) == [0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((1920, 1080), (456, 256)),
        ((1080, 1920), (256, 456)),
        ((480, 204), (480, 204)),
        ((135, 135), (134, 134)),
        ((51, 50), (50, 50)),
        ((4096, 17), (3856, 16)),
    ],
)
def test_sizes_are_even_and_never_enlarged(given: tuple[int, int], expected: tuple[int, int]) -> None:
    assert rules.fitted_size(*given, 256) == expected


def test_config_refuses_lengths_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match=r"max_s = 5\.0 is less than twice min_s = 3\.0"):
        CutConfig(min_s=3.0, max_s=5.0)
    with pytest.raises(ValueError, match="max_frames = 2 is less than min_frames = 3"):
        CutConfig(max_frames=2)

"""Clip rules: arithmetic on pts, sizes and counts."""

from __future__ import annotations

import pytest

from curation.cut import rules
from curation.cut.config import CutConfig
from curation.cut.rules import Span


def test_neighbours_are_rendered_together_and_distant_clips_apart() -> None:
    spans = [Span(0, 40), Span(40, 90), Span(99, 120), Span(130, 140), Span(131, 135)]
    assert rules.grouped(spans, 10) == [[0, 1, 2], [3, 4]]
    assert rules.grouped([], 10) == []


def test_a_clip_within_a_longer_one_does_not_end_its_group() -> None:
    assert rules.grouped([Span(0, 100), Span(5, 10), Span(95, 120)], 10) == [[0, 1, 2]]


def test_captioners_see_the_middles_of_equal_parts() -> None:
    frame_pts = list(range(0, 4000, 40))
    targets = rules.caption_targets(4000, 40, 4)
    assert [frame_pts[pick] for pick in rules.caption_picks(frame_pts, targets)] == [480, 1480, 2480, 3480]


def test_captioners_see_each_frame_once_and_at_least_one() -> None:
    assert rules.caption_picks([0, 40, 80], rules.caption_targets(120, 40, 3)) == [0, 1, 2]
    assert rules.caption_picks([0, 40], rules.caption_targets(80, 40, 3)) == [0, 1]
    assert rules.caption_picks([0], rules.caption_targets(40, 40, 16)) == [0]
    assert rules.caption_picks([0, 1, 2], [500, 900]) == [0]


def test_each_of_several_shots_is_looked_at() -> None:
    frame_pts = list(range(0, 4000, 40))
    targets = rules.caption_targets(4000, 40, 2, [0, 3600, 3800])
    shown = [frame_pts[pick] for pick in rules.caption_picks(frame_pts, targets)]
    assert shown == [1000, 1800, 3000, 3680, 3880]
    assert rules.caption_targets(4000, 40, 2, [0]) == rules.caption_targets(4000, 40, 2)
    # A shot of a single frame is seen as well.
    assert 3960 in [
        frame_pts[pick]
        for pick in rules.caption_picks(frame_pts, rules.caption_targets(4000, 40, 2, [0, 3960]))
    ]


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


def test_config_refuses_counts_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="max_frames = 2 is less than min_frames = 3"):
        CutConfig(max_frames=2)

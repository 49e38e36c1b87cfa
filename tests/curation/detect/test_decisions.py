"""From probabilities to transitions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from curation.detect.decisions import MAX_RUN_GAPS, RunFinder
from curation.detect.transitions import Transition


def found(curve: Sequence[float], pieces: int = 1) -> list[Transition]:
    finder = RunFinder(0.6, lowest=0.3)
    result: list[Transition] = []
    for piece in np.array_split(np.array(curve, np.float32), pieces):
        before = finder.settled
        new = list(finder.add(piece))
        assert all(each.start_frame >= before for each in new)
        result += new
    return result


def test_one_gap_is_a_cut_and_several_are_gradual() -> None:
    curve = [0.0, 0.1, 0.9, 0.1, 0.0, 0.4, 0.7, 0.4, 0.1, 0.0]
    assert found(curve) == [
        Transition(2, 3, "cut", pytest.approx(0.9)),
        Transition(5, 8, "gradual", pytest.approx(0.7)),
    ]


def test_a_run_that_never_reaches_the_threshold_is_nothing() -> None:
    assert found([0.0, 0.5, 0.55, 0.5, 0.0]) == []


def test_runs_at_the_ends_separate_nothing() -> None:
    assert found([0.9, 0.9, 0.1, 0.0, 0.1, 0.9]) == []


def test_pieces_make_no_difference() -> None:
    rng = np.random.default_rng(0)
    curve = rng.random(500) ** 2
    whole = found(curve.tolist())
    assert len(whole) > 20
    for pieces in (2, 7, 250, 500):
        assert found(curve.tolist(), pieces) == whole


def test_two_cuts_one_frame_apart_stay_two() -> None:
    assert [(each.start_frame, each.end_frame) for each in found([0, 0.9, 0, 0.9, 0])] == [(1, 2), (3, 4)]


def test_a_run_that_does_not_end_is_closed() -> None:
    longest = [0.0, *[0.9] * MAX_RUN_GAPS, 0.0]
    assert [(each.start_frame, each.end_frame) for each in found(longest)] == [(1, 1 + MAX_RUN_GAPS)]
    assert [(each.start_frame, each.end_frame) for each in found([0.0, *[0.9] * 1500, 0.0], pieces=3)] == [
        (1, 601),
        (601, 1201),
        (1201, 1501),
    ]


def test_frames_wait_for_no_more_than_a_run() -> None:
    finder = RunFinder(0.6, lowest=0.3)
    for seen in range(1, 5000):
        list(finder.add(np.full(1, 0.9, np.float32)))
        assert seen - finder.settled <= MAX_RUN_GAPS

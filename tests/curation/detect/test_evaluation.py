"""The evaluator: matching by hand-made cases, and the field's own numbers from its own data."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from curation.detect.evaluation import (
    Tally,
    evaluate,
    match,
    transitions_of_predictions,
    transitions_of_scenes,
)


def test_a_cut_may_be_off_by_the_tolerance() -> None:
    for moved, hits in ((-2, 1), (-1, 1), (0, 1), (1, 1), (2, 1), (3, 0), (-3, 0)):
        assert match([(100, 101)], [(100 + moved, 101 + moved)]).tally.hits == hits
    assert match([(100, 101)], [(101, 102)], tolerance_frames=0).tally.hits == 0


def test_matching_is_one_to_one_in_order_of_time() -> None:
    matching = match([(10, 20), (30, 31), (50, 51)], [(12, 13), (15, 16), (50, 51)])
    assert matching.pairs == ((0, 0), (2, 2))
    assert matching.false == (1,)
    assert matching.missed == (1,)
    assert matching.tally == Tally(hits=2, false_alarms=1, misses=1)


def test_micro_average_sums_over_videos() -> None:
    total = evaluate([([(5, 6)], [(5, 6)]), ([(5, 6)], []), ([], [(9, 10), (20, 21)])])
    assert total == Tally(hits=1, false_alarms=2, misses=1)
    assert (total.precision, total.recall, total.f1) == (1 / 3, 0.5, 0.4)


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    assert Tally().f1 == 1.0
    assert (Tally().precision, Tally().recall) == (0.0, 0.0)


def test_runs_of_predictions_are_transitions() -> None:
    curve = np.array([0.9, 0.1, 0.1, 0.8, 0.1, 0.6, 0.7, 0.1, 0.9])
    assert transitions_of_predictions(curve, 0.5) == [(3, 4), (5, 7)]
    assert transitions_of_scenes([(0, 3), (4, 9), (12, 20)]) == [(3, 4), (9, 12)]


@pytest.mark.parametrize(("threshold", "f1"), [(0.296, 0.8405), (0.5, 0.8295), (0.1, 0.8178)])
def test_the_published_f1_of_autoshot_is_reproduced(shared_media: Path, threshold: float, f1: float) -> None:
    folder = shared_media.parent / "data" / "shot_eval"
    videos = json.loads((folder / "shot_test_scenes.json").read_text())
    stored = np.load(folder / "shot_test_predictions.npz", allow_pickle=False)
    bounds = pairwise([0, *np.cumsum(stored["lengths"]).tolist()])
    total = evaluate(
        (
            transitions_of_scenes([tuple(scene) for scene in video["scenes"]]),
            transitions_of_predictions(stored["probabilities"][first:end], threshold),
        )
        for video, (first, end) in zip(videos, bounds, strict=True)
    )
    print(f"threshold {threshold}: {total}")
    assert round(total.f1, 4) == f1

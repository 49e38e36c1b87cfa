from collections import Counter

import numpy as np
import pytest

from curation.detect.cuts import differences
from curation.detect.learning.disturbances import DISTURBANCES, Disturbance, disturbed
from curation.detect.learning.episode import Episode
from tests.curation.detect_learning.textures import Textures

SHOTS = Textures(12)


def foreign(num_frames: int) -> np.ndarray:
    return SHOTS(np.random.default_rng(num_frames), num_frames, 11)[0]


def happening(kind: Disturbance, seed: int, num_frames: int, lasts: bool) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frames = SHOTS(rng, num_frames, seed % 11)[0]
    return frames, kind.happen(rng, Episode(frames, lasts, foreign))


@pytest.mark.parametrize("kind", DISTURBANCES, ids=lambda kind: kind.name)
def test_a_disturbance_is_seen_at_any_length_it_takes(kind: Disturbance) -> None:
    seen = 0
    for seed in range(8):
        for num_frames in {kind.shortest, min(kind.longest, 20)}:
            frames, result = happening(kind, seed, num_frames, lasts=kind.lasts > 0 and seed % 2 == 0)
            assert result.shape == frames.shape
            assert result.dtype == np.uint8
            seen += bool(np.abs(result.astype(int) - frames).mean() > 0.2)
    assert seen >= 5


@pytest.mark.parametrize("kind", DISTURBANCES, ids=lambda kind: kind.name)
def test_a_disturbance_leaves_what_it_is_given_alone(kind: Disturbance) -> None:
    rng = np.random.default_rng(3)
    frames = SHOTS(rng, kind.longest, 2)[0]
    kept = frames.copy()
    kind.happen(rng, Episode(frames, False, foreign))
    kind.happen(rng, Episode(frames[::-1], False, foreign))
    assert np.array_equal(frames, kept)


def test_the_first_and_last_own_frames_stay_unless_it_lasts() -> None:
    rng = np.random.default_rng(4)
    lasting = {kind.name for kind in DISTURBANCES if kind.lasts}
    names = Counter[str]()
    for _ in range(250):
        frames = SHOTS(rng, 50)[0]
        result, event = disturbed(rng, frames, (6, 40), foreign)
        if event is None:
            continue
        first, last, name = event
        names[name] += 1
        assert np.array_equal(
            np.delete(result, slice(first, last + 1), 0), np.delete(frames, slice(first, last + 1), 0)
        )
        if name not in lasting:
            assert 7 <= first <= last < 39
        assert first == 0 or first >= 7
        assert last == 49 or last < 39
    assert len(names) > 15


def test_a_shot_too_short_is_left_as_it_is() -> None:
    rng = np.random.default_rng(5)
    frames = SHOTS(rng, 3)[0]
    for _ in range(50):
        result, event = disturbed(rng, frames, (0, 2), foreign)
        assert event is None
        assert result is frames


def test_some_are_right_beside_a_transition() -> None:
    rng = np.random.default_rng(6)
    frames = SHOTS(rng, 90)[0]
    events = [disturbed(rng, frames, (0, 90), foreign)[1] for _ in range(250)]
    beside = [event for event in events if event and (event[0] == 1 or event[1] == 88)]
    assert 0.1 < len(beside) / len(events) < 0.5


def kind_named(name: str) -> Disturbance:
    return next(kind for kind in DISTURBANCES if kind.name == name)


def test_a_flash_is_as_large_as_a_cut_and_the_shot_comes_back() -> None:
    largest = []
    for seed in range(10):
        frames, result = happening(kind_named("flashes"), seed, 30, lasts=False)
        largest.append(differences(result).max())
        same = (result == frames).all((1, 2, 3))
        assert same.sum() >= 30 - 4 * 3
    assert max(largest) > 40


def test_an_object_covers_20_to_40_percent() -> None:
    areas = []
    for seed in range(60):
        frames, result = happening(kind_named("object_pops"), seed, 20, lasts=True)
        areas.append(float((np.abs(result[10].astype(int) - frames[10]).max(-1) > 3).mean()))
    assert np.percentile(areas, 10) > 0.1
    assert 0.22 < np.median(areas) < 0.38
    assert np.percentile(areas, 95) < 0.45


def test_frozen_frames_are_equal_and_then_jump() -> None:
    frames, result = happening(kind_named("freeze"), 2, 12, lasts=False)
    assert (result == frames[0]).all()

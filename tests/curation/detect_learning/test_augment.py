import numpy as np
import pytest

from curation.detect.cuts import differences
from curation.detect.learning.augment import augmented, drawn_sample
from curation.detect.learning.compose import Composed, ComposedTransition, compose
from curation.detect.learning.looks import AugmentedShots, with_look
from curation.detect.learning.resampling import Pattern, backwards, drawn_pattern, resampled
from tests.curation.detect_learning.textures import BARE, Textures


def counting(num_frames: int, *transitions: tuple[int, int]) -> Composed:
    """Frame n is of level n."""
    frames = np.broadcast_to(
        np.arange(num_frames, dtype=np.uint8)[:, None, None, None], (num_frames, 27, 48, 3)
    )
    return Composed(
        frames.copy(),
        tuple(ComposedTransition(a, b, "cut" if b == a + 1 else "mix") for a, b in transitions),
        (),
    )


def pattern(first: list[int], second: list[int] | None = None, share: list[float] | None = None) -> Pattern:
    return Pattern(
        np.array(first), np.array(second or first), np.array(share or [0.0] * len(first), np.float32)
    )


def ends(sample: Composed) -> list[tuple[int, int]]:
    return [(each.start_frame, each.end_frame) for each in sample.transitions]


def test_backwards_and_back_again() -> None:
    sample = compose(np.random.default_rng(1), Textures())
    there = backwards(sample)
    assert np.array_equal(there.frames, sample.frames[::-1])
    assert np.array_equal(there.during[:-1], sample.during[-2::-1])
    assert backwards(there).transitions == sample.transitions


def test_repeated_frames_keep_a_cut_a_cut() -> None:
    result = resampled(counting(8, (2, 3)), pattern([0, 0, 1, 1, 2, 2, 3, 3]))
    assert ends(result) == [(5, 6)]
    assert result.frames[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_dropped_frames_shorten_a_dissolve_down_to_a_cut() -> None:
    every_second = pattern([0, 2, 4, 6, 8, 10])
    assert ends(resampled(counting(12, (3, 4)), every_second)) == [(1, 2)]
    assert ends(resampled(counting(12, (4, 6)), every_second)) == [(2, 3)]
    assert ends(resampled(counting(12, (3, 7)), every_second)) == [(1, 4)]


def test_blended_neighbours_make_a_cut_two_gaps_long() -> None:
    result = resampled(counting(6, (2, 3)), pattern([0, 1, 2, 3, 4], [0, 1, 3, 4, 5], [0, 0, 0.5, 0.5, 0.5]))
    assert ends(result) == [(1, 3)]


def test_a_transition_cut_by_the_window_keeps_its_middle() -> None:
    doubled = pattern([n // 2 for n in range(20)])
    result = resampled(counting(10, (-6, 3), (7, 16)), doubled)
    middle = [(start + end - 1) / 2 for start, end in ends(result)]
    assert middle == pytest.approx([2 * -2 + 0.5, 2 * 11 + 0.5], abs=1.5)
    assert result.during.tolist() == [1] * 6 + [0] * 9 + [1] * 4 + [0]


def test_patterns_are_in_order_and_cuts_stay_on_the_change() -> None:
    rng, shots = np.random.default_rng(2), Textures()
    kinds = set()
    for _ in range(80):
        drawn = drawn_pattern(rng, 100)
        assert len(drawn.first) == 100
        assert (np.diff(drawn.first) >= 0).all()
        assert (np.diff(drawn.second) >= 0).all()
        assert (drawn.second >= drawn.first).all()
        kinds.add((drawn.num_frames, bool(drawn.share.any())))
        sample = resampled(compose(rng, shots, drawn.num_frames, BARE), drawn)
        change = np.append(differences(sample.frames)[1:], 0)
        if sample.during[:-1].all():
            continue
        calm = change[:-1][sample.during[:-1] == 0]
        for each in sample.transitions:
            if each.kind == "cut":
                assert change[max(0, each.start_frame) : each.end_frame].max() > calm.max()
    assert len(kinds) >= 6


def test_looks_are_of_a_shot_and_shared_within_a_scene() -> None:
    rng, shots = np.random.default_rng(3), Textures()
    source = AugmentedShots(shots)
    differing = 0
    for _ in range(20):
        first, number = source(rng, 4)
        differing += not np.array_equal(first, shots.given[-1][0])
        _, again = source(rng, 4, number)
        assert again == number
    assert differing > 12
    frames = shots(rng, 6, 0)[0]
    for seed in range(40):
        one, other = (with_look(np.random.default_rng(seed), part) for part in (frames, frames[:6]))
        assert one.shape == frames.shape
        assert one.dtype == np.uint8
        assert np.array_equal(one, other)


def test_a_sample_for_training() -> None:
    rng, shots = np.random.default_rng(4), Textures()
    for _ in range(30):
        sample = drawn_sample(rng, shots)
        assert sample.frames.shape == (100, 27, 48, 3)
        assert sample.frames.dtype == np.uint8
        assert sample.frames.flags.c_contiguous
        for each in sample.transitions:
            assert each.start_frame < each.end_frame


def test_levels_never_hide_a_change() -> None:
    frames = np.zeros((10, 27, 48, 3), np.uint8)
    frames[5:] = 5
    sample = Composed(frames, (ComposedTransition(4, 5, "cut"),), ())
    rng = np.random.default_rng(5)
    for _ in range(100):
        result = augmented(rng, sample)
        start = result.transitions[0].start_frame
        assert differences(result.frames[start : start + 2])[1] > 0.5

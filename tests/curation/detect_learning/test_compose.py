from collections import Counter

import numpy as np
import pytest

from curation.detect.cuts import differences
from curation.detect.learning.compose import Composed, ComposedTransition, compose
from curation.detect.learning.pairs import MIN_DIFFERENCE, MIN_OF_MOTION, differ, recoloured
from curation.detect.learning.settings import ComposeSettings
from curation.detect.learning.slides import SlideDeck
from tests.curation.detect_learning.textures import BARE, Textures


def only(**shares: float) -> ComposeSettings:
    return BARE.model_copy(update=shares)


def in_transition(sample: Composed) -> np.ndarray:
    """Frames that some transition mixes."""
    mixed = np.zeros(len(sample.frames), bool)
    for each in sample.transitions:
        mixed[max(0, each.start_frame + 1) : max(0, each.end_frame)] = True
    return mixed


def test_labels_of_a_gap() -> None:
    transitions = (
        ComposedTransition(-3, 2, "dissolve"),
        ComposedTransition(4, 5, "cut"),
        ComposedTransition(7, 12, "wipe"),
    )
    sample = Composed(np.zeros((10, 27, 48, 3), np.uint8), transitions, ())
    assert sample.during.tolist() == [1, 1, 0, 0, 1, 0, 0, 1, 1, 0]
    assert sample.centre.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert sample.during.dtype == sample.centre.dtype == np.float32


def test_the_last_gap_is_no_gap() -> None:
    sample = Composed(np.zeros((6, 27, 48, 3), np.uint8), (ComposedTransition(3, 8, "dissolve"),), ())
    assert sample.during.tolist() == [0, 0, 0, 1, 1, 0]
    assert not sample.centre.any()


def test_outside_transitions_frames_are_the_sources() -> None:
    rng, shots = np.random.default_rng(1), Textures()
    seen = 0
    for _ in range(40):
        shots.given.clear()
        sample = compose(rng, shots, 100, BARE)
        known = {frame.tobytes() for frames, _ in shots.given for frame in frames}
        own = ~in_transition(sample)
        assert all(frame.tobytes() in known for frame in sample.frames[own])
        seen += own.sum()
    assert seen > 2000


def test_runs_between_transitions_are_stretches_of_one_shot() -> None:
    rng, shots = np.random.default_rng(2), Textures()
    for _ in range(40):
        shots.given.clear()
        sample = compose(rng, shots, 100, BARE)
        edges = [0, *(each.end_frame for each in sample.transitions)]
        ends = [*(each.start_frame + 1 for each in sample.transitions), 100]
        for start, end in zip(edges, ends, strict=True):
            run = sample.frames[max(0, start) : max(0, end)]
            text = run.tobytes()
            assert any(text in frames.tobytes() for frames, _ in shots.given)


def test_the_picture_changes_at_the_labelled_gap_of_a_cut() -> None:
    rng, shots = np.random.default_rng(3), Textures()
    num_cuts = 0
    for _ in range(60):
        sample = compose(rng, shots, 100, BARE)
        # Gap t is between frames t and t + 1, `differences` has it at t + 1.
        change = np.append(differences(sample.frames)[1:], 0)
        calm = change[sample.during == 0]
        for each in sample.transitions:
            if each.kind != "cut":
                continue
            num_cuts += 1
            assert each.end_frame == each.start_frame + 1
            assert sample.centre[each.start_frame] == sample.during[each.start_frame] == 1
            assert change[each.start_frame] > calm.max()
            assert change[each.start_frame] >= MIN_DIFFERENCE
    assert num_cuts > 40


def test_a_transition_begins_with_the_outgoing_shot_whole_and_ends_with_the_incoming_one_whole() -> None:
    rng, shots = np.random.default_rng(4), Textures()
    num_gradual = 0
    for _ in range(60):
        shots.given.clear()
        sample = compose(rng, shots, 100, BARE)
        known = {frame.tobytes() for frames, _ in shots.given for frame in frames}
        for each in sample.transitions:
            inside = sample.frames[max(0, each.start_frame + 1) : max(0, each.end_frame)]
            clipped = each.start_frame < 0 or each.end_frame > 99
            if each.kind in ("cut", "zoom_dissolve", "glitch") or clipped:
                continue
            num_gradual += 1
            # What has hardly begun, or is nearly over, may leave a frame as it was.
            assert np.mean([frame.tobytes() in known for frame in inside]) < 0.5
    assert num_gradual > 25


def test_windows_are_of_any_length_and_repeatable() -> None:
    for num_frames in (2, 7, 50, 100, 231):
        samples = [
            compose(np.random.default_rng(num_frames), Textures(8, seed=1), num_frames) for _ in range(2)
        ]
        assert samples[0].frames.shape == (num_frames, 27, 48, 3)
        assert samples[0].frames.dtype == np.uint8
        assert len(samples[0].during) == len(samples[0].centre) == num_frames
        assert np.array_equal(samples[0].frames, samples[1].frames)
        assert samples[0].transitions == samples[1].transitions
        assert samples[0].disturbances == samples[1].disturbances


def test_how_many_transitions_a_window_holds() -> None:
    rng, shots = np.random.default_rng(5), Textures()
    samples = [compose(rng, shots) for _ in range(160)]
    counts = Counter(len(sample.transitions) for sample in samples)
    assert 0.2 < counts[0] / 160 < 0.45
    assert sum(counts[number] for number in range(6)) > 0.9 * 160
    assert 1.0 < sum(number * count for number, count in counts.items()) / 160 < 2.6
    assert any(sample.during[0] for sample in samples)
    assert any(sample.during[-2] for sample in samples)
    lengths = [
        after.start_frame - before.end_frame + 1
        for sample in samples
        for before, after in zip(sample.transitions, sample.transitions[1:], strict=False)
    ]
    assert min(lengths) >= 3
    assert sum(length <= 12 for length in lengths) > 20


def test_long_videos_hold_as_many_transitions_for_their_length() -> None:
    sample = compose(np.random.default_rng(3), Textures(), 3000, BARE)
    assert 25 < len(sample.transitions) < 75


def test_transitions_are_in_order_and_visible() -> None:
    rng, shots = np.random.default_rng(6), Textures()
    for _ in range(60):
        sample = compose(rng, shots)
        for each in sample.transitions:
            assert each.end_frame > max(0, each.start_frame)
            assert each.start_frame < 99
        for before, after in zip(sample.transitions, sample.transitions[1:], strict=False):
            assert before.end_frame <= after.start_frame
        for first, last, _ in sample.disturbances:
            assert 0 <= first <= last < 100


def test_quiet_windows_have_disturbances_only() -> None:
    rng, shots = np.random.default_rng(7), Textures()
    samples = [compose(rng, shots, 100, only(quiet_windows=1)) for _ in range(30)]
    assert all(not sample.transitions and not sample.during.any() for sample in samples)
    assert sum(len(sample.disturbances) for sample in samples) > 45


def test_disturbances_leave_the_labels_and_the_rest_alone() -> None:
    shots = Textures()
    rng = np.random.default_rng(8)
    changed = 0
    for _ in range(40):
        shots.given.clear()
        sample = compose(rng, shots, 100, only(disturbed_shots=1))
        known = {frame.tobytes() for frames, _ in shots.given for frame in frames}
        calm = ~in_transition(sample)
        for first, last, _ in sample.disturbances:
            calm[first : last + 1] = False
        assert all(frame.tobytes() in known for frame in sample.frames[calm])
        changed += sum(frame.tobytes() not in known for frame in sample.frames[~in_transition(sample)])
    assert changed > 200


def test_a_source_that_always_shows_the_same_gets_no_labels() -> None:
    still = np.random.default_rng(0).integers(0, 256, (27, 48, 3), np.uint8)

    def always(rng: np.random.Generator, num_frames: int, like: int | None = None) -> tuple[np.ndarray, int]:
        return np.repeat(still[None], num_frames, 0), 0

    rng = np.random.default_rng(9)
    for _ in range(100):
        sample = compose(rng, always, 60, BARE)
        assert sample.frames.shape == (60, 27, 48, 3)
        assert sample.transitions == ()
        assert (sample.frames == still).all()


def test_same_scene_asks_for_a_shot_like_the_outgoing_one() -> None:
    rng, shots = np.random.default_rng(10), Textures()
    for _ in range(10):
        shots.given.clear()
        shots.asked_like.clear()
        compose(rng, shots, 100, only(same_scene=1))
        assert set(shots.asked_like[1:]) <= {shots.given[0][1]}


def test_a_jump_within_the_motion_of_a_shot_is_no_change() -> None:
    noise = np.random.default_rng(0).integers(0, 40, (12, 27, 48, 3)).astype(np.uint8) + 100
    assert differ(noise[:6], noise[6:], same_scene=False)
    assert not differ(noise[:6], noise[6:], same_scene=True)
    assert not differ(noise[:6], noise[5:], same_scene=False)
    far = noise[6:] + np.uint8(100)
    assert differences(np.stack([noise[5], far[0]]))[1] > MIN_OF_MOTION * differences(noise).max()
    assert differ(noise[:6], far, same_scene=True)


def test_recoloured_takes_the_mean_and_the_deviation() -> None:
    rng, shots = np.random.default_rng(11), Textures()
    frames, _ = shots(rng, 4)
    reference = (shots(rng, 1)[0][0] * 0.5 + 60).astype(np.uint8)
    result = recoloured(frames, reference)
    assert result.shape == frames.shape
    assert result[0].mean((0, 1)) == pytest.approx(reference.mean((0, 1)), abs=2)
    assert result[0].std((0, 1)) == pytest.approx(reference.std((0, 1)), abs=3)


@pytest.mark.parametrize("share", ["slide_windows", "graded_windows"])
def test_low_contrast_changes_are_labelled_and_seen(share: str) -> None:
    rng, shots = np.random.default_rng(12), Textures()
    changes = []
    for _ in range(40):
        sample = compose(rng, shots, 100, only(**{share: 1}))
        steps = np.append(differences(sample.frames)[1:], 0)
        changes += [float(steps[each.start_frame]) for each in sample.transitions if each.kind == "cut"]
    assert len(changes) > 15
    assert min(changes) >= MIN_DIFFERENCE
    assert min(changes) < 20


def test_slides_of_a_deck_share_their_paper() -> None:
    rng = np.random.default_rng(13)
    deck = SlideDeck(rng)
    first, second = deck(rng, 5)[0], deck(rng, 5)[0]
    assert np.median(np.abs(first[-1].astype(int) - second[0])) <= 12
    assert not np.array_equal(first[-1], second[0])


def test_the_edges_of_a_video_are_no_transitions() -> None:
    rng, shots = np.random.default_rng(14), Textures()
    edges = Counter[bool]()
    for _ in range(80):
        sample = compose(rng, shots, 100, only(edge_windows=1))
        for first, last, kind in sample.disturbances:
            assert kind == "edge"
            assert not sample.during[first : last + 1].any()
            edges[first == 0] += 1
    assert min(edges[True], edges[False]) > 10

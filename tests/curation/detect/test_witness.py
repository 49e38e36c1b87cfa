"""What is dropped of a network's transitions: fades at the ends of a stream, and ones that lead nowhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from curation.detect.fades import MAX_FLAT_FRAMES
from curation.detect.transitions import Transition
from curation.detect.witness import Witness


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(20, 235, (6, 4, 3))
    return np.kron(coarse, np.ones((5, 12, 1)))[:27, :48].astype(np.uint8)


FIRST, SECOND, BLACK = picture(1), picture(2), np.zeros((27, 48, 3), np.uint8)


def kept(frames: Sequence[np.ndarray], *found: Transition) -> list[Transition]:
    witness = Witness()
    assert len(list(witness.watch(frames))) == len(frames)
    result = list(witness.settle(len(frames), found).transitions)
    return [*result, *witness.finish().transitions]


def gradual(start: int, end: int) -> Transition:
    return Transition(start, end, "gradual", 0.9)


def test_a_gradual_transition_must_lead_to_another_picture() -> None:
    item = gradual(19, 30)
    assert kept([FIRST] * 25 + [SECOND] * 25, item) == [item]
    assert kept([FIRST] * 50, item) == []


def test_a_cut_is_left_to_the_network() -> None:
    cut = Transition(19, 20, "cut", 0.9)
    assert kept([FIRST] * 50, cut) == [cut]
    assert kept([FIRST] * 20 + [BLACK] * 30, cut) == [cut]


def test_fades_at_the_ends_are_no_transitions() -> None:
    assert kept([BLACK] * 20 + [FIRST] * 30, gradual(10, 22)) == []
    assert kept([FIRST] * 30 + [BLACK] * 20, gradual(25, 35)) == []
    middle = gradual(15, 35)
    assert kept([FIRST] * 20 + [BLACK] * 10 + [SECOND] * 20, middle) == [middle]


def test_a_fade_to_black_waits_for_what_follows() -> None:
    witness = Witness()
    item = gradual(15, 25)
    list(witness.watch([FIRST] * 20 + [BLACK] * 30))
    report = witness.settle(45, [item])
    assert (report.frames, list(report.transitions)) == (15, [])
    list(witness.watch([SECOND] * 10))
    report = witness.settle(55, [])
    assert (report.frames, list(report.transitions)) == (55, [item])


def test_a_fade_to_black_waits_only_so_long() -> None:
    witness = Witness()
    item = gradual(15, 25)
    list(witness.watch([FIRST] * 20 + [BLACK] * (MAX_FLAT_FRAMES + 4)))
    assert witness.settle(3000, [item]).frames == 15
    list(witness.watch([BLACK]))
    report = witness.settle(3001, [])
    assert (report.frames, list(report.transitions)) == (3001, [item])
    assert list(witness.finish().transitions) == []


def test_what_is_decided_does_not_hang_on_how_far_frames_are_read_ahead() -> None:
    item = gradual(15, 25)
    for flat, expected in ((MAX_FLAT_FRAMES + 4, []), (MAX_FLAT_FRAMES + 5, [item])):
        assert kept([FIRST] * 20 + [BLACK] * flat, item) == expected

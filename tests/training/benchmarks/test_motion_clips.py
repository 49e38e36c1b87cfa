"""Generated clips carry their label in the order of frames alone."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.motion_clips import MOTIONS, NUM_FRAMES, draw_clip, make_clips, views

LABELS = range(len(MOTIONS))


@pytest.mark.parametrize("number", range(20))
def test_all_motions_have_the_same_frames(number: int) -> None:
    clips = [draw_clip(0, number, label) for label in LABELS]
    for clip in clips[1:]:
        assert sorted(frame.tobytes() for frame in clip) == sorted(frame.tobytes() for frame in clips[0])
        assert not np.array_equal(clip, clips[0])


def test_a_frame_at_a_known_time_is_equally_likely_under_each_motion() -> None:
    for label in LABELS:
        shown = np.stack([views(label, start) for start in range(NUM_FRAMES)])
        for at_one_time in shown.T:
            assert sorted(at_one_time) == list(range(NUM_FRAMES))


def test_motions_are_told_apart_by_the_step_between_frames() -> None:
    for label, step in enumerate(MOTIONS):
        assert set(np.diff(views(label, 5)) % NUM_FRAMES) == {step % NUM_FRAMES}
    assert {-step for step in MOTIONS} == set(MOTIONS), "each motion's reverse is one too"


def test_clips_repeat_and_labels_are_even() -> None:
    one, again, other = make_clips(3, 16), make_clips(3, 16), make_clips(4, 16)
    assert np.array_equal(one.video_uint8, again.video_uint8)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.video_uint8, other.video_uint8)
    assert list(np.bincount(one.labels)) == [4] * len(MOTIONS)
    assert np.array_equal(make_clips(3, 8).video_uint8[0], draw_clip(3, 0, int(make_clips(3, 8).labels[0])))


def test_shuffling_keeps_frames_and_labels() -> None:
    clips = make_clips(5, 8)
    shuffled = clips.shuffled(0)
    assert np.array_equal(shuffled.labels, clips.labels)
    for one, other in zip(clips.video_uint8, shuffled.video_uint8, strict=True):
        assert sorted(frame.tobytes() for frame in one) == sorted(frame.tobytes() for frame in other)
    assert not np.array_equal(shuffled.video_uint8, clips.video_uint8)

"""Hours of anything: what detectors and shots hold does not grow with the stream."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import pytest

from curation.base.workspace import Workspace
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.detect.decisions import MAX_RUN_GAPS
from curation.detect.fades import MAX_FLAT_FRAMES
from curation.detect.loom import Predictor, decided
from curation.detect.shots import ShotBuilder
from curation.detect.streams import CONTEXT_FRAMES, CORE_FRAMES
from curation.media.sandbox import DecodedFrame
from curation.records import Shot
from tests.sources import source_video

BEHIND = 4 * (CORE_FRAMES + CONTEXT_FRAMES)
"""Frames that are decoded, and about which a network was not yet asked."""

Stretch = tuple[int, np.ndarray, int]
"""Some frames: how many, their picture, and how probable a transition is, in percent."""


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(20, 235, (6, 4, 3))
    return np.kron(coarse, np.ones((5, 12, 1)))[:27, :48].astype(np.uint8)


FIRST, SECOND, BLACK = picture(1), picture(2), np.zeros((27, 48, 3), np.uint8)
OUT: list[Stretch] = [(1, FIRST // 16 * level, 90) for level in range(14, 0, -1)]
IN: list[Stretch] = [(1, SECOND // 16 * level, 0) for level in range(1, 16)]


class FromPixels:
    """Stands in for a network: a frame's first pixel says the probability."""

    on_gpu = False

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        return frames[:, :, 0, 0, 0].astype(np.float32) / 100


def frames_of(stretches: Sequence[Stretch]) -> Iterator[np.ndarray]:
    for count, image, percent in stretches:
        frame = image.copy()
        frame[0, 0] = percent
        for _ in range(count):
            yield frame


class Watched:
    """A stream through the loom detector's decisions into shots, and the most frames held on the way."""

    def __init__(self, stretches: Sequence[Stretch], *, content: bool = False) -> None:
        self.most_held = 0
        self._builder = ShotBuilder(source_video())
        self.shots: list[Shot] = []
        frames = self._noted(frames_of(stretches))
        reports = (
            _content().settle(frames, 25.0)
            if content
            else decided(frames, cast(Predictor, FromPixels()), threshold=0.75)
        )
        for settled in reports:
            self.shots += self._builder.settle(settled)
        self.shots.append(self._builder.finish())
        self.spans = [(shot.start_frame, shot.last_frame) for shot in self.shots]

    def _noted(self, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for number, frame in enumerate(frames):
            self._builder.add(DecodedFrame(40 * number, frame, False))
            self.most_held = max(self.most_held, len(self._builder._waiting))
            yield frame


def _content() -> ContentDetector:
    with tempfile.TemporaryDirectory() as folder:
        return ContentDetector(ContentDetectorConfig(), Workspace.open(folder, folder))


def test_hours_of_what_never_ends_are_never_held() -> None:
    """Black after a fade, and a transition that goes on and on: 200,000 frames, more than two hours at 25."""
    watched = Watched(
        [
            (1_000, FIRST, 0),
            *OUT,
            (100_000, BLACK, 0),
            (1_000, SECOND, 0),
            (60_000, FIRST, 90),
            (1_000, SECOND, 0),
            (36_986, BLACK, 90),
        ]
    )
    assert watched.most_held < MAX_RUN_GAPS + MAX_FLAT_FRAMES + BEHIND
    assert watched.spans[0] == (0, 1_000)
    assert watched.shots[-1].last_frame == 199_999


def test_hours_of_black_do_not_hold_the_content_detector_up() -> None:
    watched = Watched([(1_000, FIRST, 0), *OUT, (20_000, BLACK, 0), *IN, (985, SECOND, 0)], content=True)
    assert watched.most_held < MAX_FLAT_FRAMES + BEHIND
    assert [last - first > 900 for first, last in watched.spans] == [True] * 3


@pytest.mark.parametrize("content", [False, True])
def test_a_fade_to_the_end_leads_nowhere_unless_much_black_follows(content: bool) -> None:
    def num_shots(flat: int) -> int:
        return len(Watched([(700, FIRST, 0), *OUT, (flat, BLACK, 0)], content=content).shots)

    assert num_shots(MAX_FLAT_FRAMES - 100) == 1
    assert num_shots(MAX_FLAT_FRAMES + 100) == 2


def test_fades_out_and_in_are_two_around_much_black() -> None:
    def spans(flat: int) -> list[tuple[int, int]]:
        return Watched([(700, FIRST, 0), *OUT, (flat, BLACK, 0), *IN, (800, SECOND, 0)], content=True).spans

    (_, last), (first, _) = spans(2_000)
    assert (last, first) == (699, pytest.approx(700 + len(OUT) + 2_000 + len(IN), abs=1))
    (_, last), (black, still_black), (first, _) = spans(5_000)
    assert (last, first) == (699, pytest.approx(700 + len(OUT) + 5_000 + len(IN), abs=1))
    assert (black, still_black) == pytest.approx((700 + len(OUT), 699 + len(OUT) + 5_000), abs=2)


def test_black_at_the_start_is_left_by_no_fade() -> None:
    for flat in (2_000, 5_000):
        (only,) = Watched([(flat, BLACK, 0), *IN, (800, SECOND, 0)], content=True).spans
        assert only == (0, flat + len(IN) + 799)

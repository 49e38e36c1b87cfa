"""How a detector does on composed videos, by kind of transition, with bootstrap intervals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.evaluation import Interval, Tally, match
from curation.detect.learning.compose import Composed, ComposedTransition, compose
from curation.detect.learning.pool import ShotPool
from curation.detect.learning.sampling import PoolSource

Detect = Callable[[Frames], Sequence[Interval]]
"""Transitions in frames [T, 27, 48, 3], in order of time."""

_RESAMPLES = 1000
_SHARE = 0.95


@dataclass(frozen=True)
class Assessment:
    """Counts over all videos; hits and misses of each kind of transition; F1's bootstrap interval (95 %,
    resampled over videos)."""

    tally: Tally
    by_kind: Mapping[str, Tally]
    f1_interval: tuple[float, float]
    num_frames: int


def composed_videos(pool: ShotPool, count: int, num_frames: int, seed: int) -> Iterator[Composed]:
    """`count` videos of `num_frames` frames composed over a pool; the same for the same pool and seed."""
    source = PoolSource(pool)
    for number in range(count):
        yield compose(np.random.default_rng([seed, number]), source, num_frames)


def assess(detect: Detect, videos: Iterable[Composed]) -> Assessment:
    """Counts what `detect` finds. Transitions that begin before or end after their video do not count."""
    tallies: list[Tally] = []
    by_kind: dict[str, Tally] = defaultdict(Tally)
    num_frames = 0
    for video in videos:
        num_frames += len(video.frames)
        true, found = _whole(video), list(detect(video.frames))
        matching = match([(each.start_frame, each.end_frame) for each in true], found)
        tallies.append(matching.tally)
        for index, _ in matching.pairs:
            by_kind[true[index].kind] += Tally(hits=1)
        for index in matching.missed:
            by_kind[true[index].kind] += Tally(misses=1)
    return Assessment(sum(tallies, Tally()), dict(sorted(by_kind.items())), f1_interval(tallies), num_frames)


def f1_interval(tallies: Sequence[Tally], seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval (95 %) of the micro F1 over videos drawn with replacement."""
    if not tallies:
        return (0.0, 1.0)
    counts = np.array([[each.hits, each.false_alarms, each.misses] for each in tallies])
    rng = np.random.default_rng(seed)
    draws = counts[rng.integers(len(counts), size=(_RESAMPLES, len(counts)))].sum(1)
    f1 = 2 * draws[:, 0] / np.maximum(1, 2 * draws[:, 0] + draws[:, 1] + draws[:, 2])
    low, high = np.quantile(f1, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return float(low), float(high)


def _whole(video: Composed) -> list[ComposedTransition]:
    last = len(video.frames) - 1
    return [each for each in video.transitions if each.start_frame >= 0 and each.end_frame <= last]

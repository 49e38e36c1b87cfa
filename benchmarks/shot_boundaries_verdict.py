"""The targets, and by how much each is met or missed.

A target of speed is missed only if the interval of the repeats excludes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.shot_boundaries_accuracy import Score
from benchmarks.shot_boundaries_speed import BARE, OURS, RIVAL, UNBOXED, Speed

LEAST_F1 = 0.92
LEAST_LEAD = 0.10
MOST_FALSE = 1
MOST_TIMES_BARE = 1.5
LEAST_FPS = 600.0


@dataclass(frozen=True)
class Verdict:
    """Whether a target is met, and the figures; it is open if the median misses it and the interval does
    not exclude it."""

    target: str
    met: bool
    figures: str
    open: bool = False

    def __str__(self) -> str:
        word = "open" if self.open else "met" if self.met else "MISSED"
        return f"{word:<8}{self.target}: {self.figures}"


def accuracy_verdicts(scores: Mapping[str, Score], peers: Sequence[str]) -> Iterator[Verdict]:
    """On the clips marked by eye."""
    ours = scores[OURS]
    f1 = ours.tally.f1
    yield Verdict(f"F1 of {LEAST_F1} or more", f1 >= LEAST_F1, f"{f1:.3f} ({f1 - LEAST_F1:+.3f})")
    if peers:
        best = max(peers, key=lambda name: scores[name].tally.f1)
        lead = f1 - scores[best].tally.f1
        figures = f"{lead:+.3f} on '{best}' ({lead - LEAST_LEAD:+.3f})"
        yield Verdict(f"F1 {LEAST_LEAD} above PySceneDetect's best", lead >= LEAST_LEAD, figures)
    false = ours.false_on_single_shots
    target = f"at most {MOST_FALSE} false alarm on single shots"
    yield Verdict(target, false <= MOST_FALSE, f"{false} ({false - MOST_FALSE:+d})")


def speed_verdicts(speeds: Sequence[Speed]) -> Iterator[Verdict]:
    """On each source, what the target for its size asks."""
    for speed in speeds:
        yield from _large(speed) if speed.large else _small(speed)


def _large(speed: Speed) -> Iterator[Verdict]:
    times, low, high = speed.ratio(OURS, BARE)
    unboxed, _, _ = speed.ratio(OURS, UNBOXED)
    yield Verdict(
        f"{speed.name}: within {MOST_TIMES_BARE} times bare decode",
        low <= MOST_TIMES_BARE,
        f"{times:.2f} ({low:.2f}-{high:.2f}); {unboxed:.2f} times decode by all threads without a sandbox",
        open=low <= MOST_TIMES_BARE < times,
    )


def _small(speed: Speed) -> Iterator[Verdict]:
    fps, low, high = speed.fps(OURS)
    yield Verdict(
        f"{speed.name}: {LEAST_FPS:.0f} fps or more",
        high >= LEAST_FPS,
        f"{fps:.0f} ({low:.0f}-{high:.0f}), {fps - LEAST_FPS:+.0f}; bare decode {speed.fps(BARE)[0]:.0f}",
        open=fps < LEAST_FPS <= high,
    )
    if RIVAL in speed.timings:
        times, low, high = speed.ratio(OURS, RIVAL)
        figures = f"{times:.2f} times its time per frame ({low:.2f}-{high:.2f})"
        yield Verdict(f"{speed.name}: faster than '{RIVAL}'", low < 1, figures, low < 1 <= times)

"""Camera motion in words: pans, tilts, zooms, rolls, shake, or none."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact, percent, when
from captioning.records import Segment
from captioning.video.flow import Step

Rates: TypeAlias = NDArray[np.float64]
"""Per step (row) the motion of the camera's view, per second: right, down (pictures), in (log), roll."""

MIN_RATES = np.array([0.03, 0.04, 0.03, math.radians(4)])
"""Slower than this is no motion that a viewer would name."""
DOMINANCE = 0.3
"""A component counts where it reaches this share of the strongest, both in units of `MIN_RATES`."""
TREND_S = 0.5
MIN_RUN_S = 0.5
MIN_EXTENT = np.array([0.06, 0.08, 0.05, math.radians(5)])
FAST_EXTENT = np.array([0.25, 0.25, 0.25, math.radians(30)])
"""What a run must cover, and what excuses one shorter than `MIN_RUN_S`."""
MAX_RUNS = 6
SHAKE_LEVELS = ((0.02, "shakes strongly"), (0.006, "shakes"), (0.003, "shakes slightly"))
"""Median size of the motion about its trend, as a share of the picture's size per step: a jerk in an
otherwise steady clip is no shake."""
MIN_KNOWN_SHARE = 0.5
FULL_COVERAGE = 0.75
MIN_CONFIDENCE = 0.4

WORDS = (
    ("pans to the left", "pans to the right"),
    ("tilts up", "tilts down"),
    ("moves or zooms out", "moves or zooms in"),
    ("rolls anticlockwise", "rolls clockwise"),
)


@dataclass(frozen=True)
class Run:
    """A stretch of steps in which one component of the motion keeps its sign."""

    component: int
    start_s: float
    end_s: float
    extent: float
    confidence: float

    @property
    def words(self) -> str:
        """'pans to the left (by 48 % of the picture's width)'."""
        name = WORDS[self.component][self.extent > 0]
        size = abs(self.extent)
        if self.component == 0:
            return f"{name} (by {percent(size)} of the picture's width)"
        if self.component == 1:
            return f"{name} (by {percent(size)} of the picture's height)"
        if self.component == 2:
            return f"{name} (by a factor of {math.exp(size):.2f})"
        return f"{name} (by {math.degrees(size):.0f} degrees)"


def camera_facts(steps: Sequence[Step], duration_s: float) -> list[Segment]:
    """Sentences on the camera; none where the pictures do not tell."""
    known = [step for step in steps if step.agreement is not None]
    if not steps or len(known) < MIN_KNOWN_SHARE * len(steps):
        return []
    rates = np.array([_rates(step) for step in steps])
    trend = _smooth(rates, steps)
    found = list(_runs(trend, rates, steps))
    trusted = sorted(
        (run for run in found if run.confidence >= MIN_CONFIDENCE),
        key=lambda run: (run.start_s - run.end_s, run.start_s),
    )
    runs = sorted(trusted[:MAX_RUNS], key=lambda run: (run.start_s, run.component))
    facts = [
        fact(
            run.start_s,
            run.end_s,
            f"The camera {run.words}{when(run.start_s, run.end_s, duration_s)}.",
            run.confidence,
        )
        for run in runs
    ]
    confidence = float(np.mean([step.agreement or 0.0 for step in steps]))
    shake = _shake(rates - trend, steps)
    if shake:
        facts.append(fact(0, duration_s, f"The camera {shake}.", confidence))
    elif not found:
        facts.append(fact(0, duration_s, "The camera is static.", confidence))
    return facts


def _rates(step: Step) -> tuple[float, float, float, float]:
    """The camera goes against the content: content that moves right is seen by a pan to the left."""
    seconds = step.end_s - step.start_s
    return -step.dx / seconds, -step.dy / seconds, step.zoom / seconds, -step.roll / seconds


def _smooth(rates: Rates, steps: Sequence[Step]) -> Rates:
    """Mean over the steps within half of `TREND_S` on either side."""
    middles = np.array([(step.start_s + step.end_s) / 2 for step in steps])
    near = np.abs(middles[:, None] - middles[None, :]) <= TREND_S / 2 + 1e-6
    return np.asarray(near @ rates / near.sum(axis=1, keepdims=True))


def _runs(trend: Rates, rates: Rates, steps: Sequence[Step]) -> Iterator[Run]:
    strength = np.abs(trend) / MIN_RATES
    enough = strength >= np.maximum(1, DOMINANCE * strength.max(axis=1, keepdims=True))
    signs = np.where(enough, np.sign(trend), 0)
    for component in range(len(WORDS)):
        first = 0
        for position in range(1, len(steps) + 1):
            if position < len(steps) and signs[position, component] == signs[first, component]:
                continue
            if signs[first, component]:
                begin, end = _trimmed(rates[:, component], first, position, MIN_RATES[component])
                run = _run(component, rates[begin:end], steps[begin:end])
                if run is not None:
                    yield run
            first = position


def _trimmed(rates: NDArray[np.float64], first: int, last: int, least: float) -> tuple[int, int]:
    """The stretch [first, last) without the still steps at its ends, into which the smoothing ran."""
    moving = np.flatnonzero(np.abs(rates[first:last]) >= least)
    return (first + int(moving[0]), first + int(moving[-1]) + 1) if len(moving) else (first, last)


def _run(component: int, rates: Rates, steps: Sequence[Step]) -> Run | None:
    extent = float(
        sum(rate * (s.end_s - s.start_s) for rate, s in zip(rates[:, component], steps, strict=True))
    )
    seconds = steps[-1].end_s - steps[0].start_s
    long_enough = seconds >= MIN_RUN_S and abs(extent) >= MIN_EXTENT[component]
    if not long_enough and abs(extent) < FAST_EXTENT[component]:
        return None
    confidence = float(np.mean([_trust(step) for step in steps]))
    return Run(component, steps[0].start_s, steps[-1].end_s, extent, confidence)


def _trust(step: Step) -> float:
    """Motion of texture in a small part of a plain picture may as well be an object's."""
    return (step.agreement or 0.0) * min(1.0, step.coverage / FULL_COVERAGE)


def _shake(unrest: Rates, steps: Sequence[Step]) -> str | None:
    seconds = np.array([step.end_s - step.start_s for step in steps])
    offsets = unrest[:, :2] * seconds[:, None]
    size = float(np.median(np.hypot(offsets[:, 0], offsets[:, 1])))
    return next((words for threshold, words in SHAKE_LEVELS if size >= threshold), None)

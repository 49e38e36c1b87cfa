"""Brightness in words, and how it changes: fades from and to black or white, lighter, darker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact, percent, when
from captioning.records import Segment
from curation.filters.measures.pictures import Image

LEVELS = ((0.6, "bright"), (0.35, "of medium brightness"), (0.18, "dim"), (0.0, "dark"))
"""From which mean luma (0..1) on which words hold."""
NEAR_BLACK = 0.08
NEAR_WHITE = 0.92
MIN_FADE_S = 0.25
FADE_RANGE = 0.15
"""A fade leads from near black (or white) at least this far away."""
SETTLED = 0.9
"""Share of its way after which a fade is over."""
CHANGE = 0.12
"""Difference of mean luma between the ends of a clip that is worth a sentence."""
END_S = 0.5


@dataclass(frozen=True)
class Light:
    """Luma of one picture (0..1): the mean, and the levels that all but 0.5 % lie above and below."""

    time_s: float
    mean: float
    low: float
    high: float


def light_of(time_s: float, picture: Image) -> Light:
    """Measure a luma picture."""
    low, high = np.percentile(picture, [0.5, 99.5])
    return Light(time_s, float(picture.mean()) / 255, float(low) / 255, float(high) / 255)


def light_facts(lights: list[Light], duration_s: float) -> list[Segment]:
    """Sentences on brightness and its change."""
    means = np.array([light.mean for light in lights])
    words = next(words for threshold, words in LEVELS if means.mean() >= threshold)
    facts = [fact(0, duration_s, f"The picture is {words} (mean brightness {percent(means.mean())}).", 1.0)]
    fades = _fades(lights, duration_s)
    return facts + (fades or _change(lights, means, duration_s))


def _fades(lights: list[Light], duration_s: float) -> list[Segment]:
    times = np.array([light.time_s for light in lights])
    high = np.array([light.high for light in lights])
    low = np.array([light.low for light in lights])
    facts = []
    for name, away in (("black", high), ("white", 1 - low)):
        limit = NEAR_BLACK if name == "black" else 1 - NEAR_WHITE
        end_s = _fade_end(times, away, limit)
        if end_s is not None:
            span = when(times[0], end_s, duration_s)
            facts.append(fact(times[0], end_s, f"The picture fades in from {name}{span}.", 0.9))
        end_s = _fade_end(times[-1] - times[::-1], away[::-1], limit)
        if end_s is not None:
            start_s = times[-1] - end_s
            span = when(start_s, duration_s, duration_s)
            facts.append(fact(start_s, duration_s, f"The picture fades to {name}{span}.", 0.9))
    return facts


def _fade_end(times: NDArray[np.float64], away: NDArray[np.float64], limit: float) -> float | None:
    """When a fade that begins with the first picture is over; None where there is none."""
    if away[0] > limit:
        return None
    rising = 1 + int(np.argmax(np.append(np.diff(away) < -0.01, True)))
    peak = float(away[:rising].max())
    if peak - away[0] < FADE_RANGE:
        return None
    path = (away[:rising] - away[0]) / (peak - away[0])
    begun, settled = int(np.argmax(path > 1 - SETTLED)), int(np.argmax(path >= SETTLED))
    if times[settled] - times[max(0, begun - 1)] < MIN_FADE_S:
        return None
    return float(times[settled])


def _change(lights: list[Light], means: NDArray[np.float64], duration_s: float) -> list[Segment]:
    times = np.array([light.time_s for light in lights])
    before = float(means[times <= END_S].mean())
    after = float(means[times >= times[-1] - END_S].mean())
    if abs(after - before) < CHANGE:
        return []
    words = "brighter" if after > before else "darker"
    text = f"The picture becomes {words} (from {percent(before)} to {percent(after)})."
    return [fact(0, duration_s, text, 0.9)]

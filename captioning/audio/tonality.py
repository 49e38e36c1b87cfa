"""Whether sound is tonal or noisy, in words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.audio.sound import power_spectra
from captioning.facts import fact
from captioning.records import Segment

WINDOW = 1024
HOP = 512
BAND_EDGES_HZ = (125, 375, 750, 1250, 1875, 2625, 3625, 4875, 6500)
"""Bands within which a spectrum, its tilt taken out, is compared with a flat one: rain, wind and motors
are noise though they have little treble."""
SILENT_POWER = 1e-6
LEVELS = ((0.42, "noisy"), (0.25, "partly tonal, partly noisy"), (0.0, "tonal"))
"""From which flatness on which words hold: noise measures 0.56 (the mean of a periodogram's geometric
over its arithmetic mean, exp(-0.577)), a pure tone near 0."""
CONFIDENCE_SLOPE = 5.0


def tonality_facts(samples: Floats, duration_s: float) -> list[Segment]:
    """One sentence; none where the sound is too short or too quiet to tell."""
    value = flatness(samples)
    if value is None:
        return []
    words = next(words for threshold, words in LEVELS if value >= threshold)
    distance = min(abs(value - threshold) for threshold, _ in LEVELS[:-1])
    text = f"The sound is {words} (spectral flatness {value:.2f})."
    return [fact(0, duration_s, text, min(0.95, 0.5 + CONFIDENCE_SLOPE * distance))]


def flatness(samples: Floats) -> float | None:
    """Spectral flatness (0..1) within bands, weighted by their power and averaged over what is heard."""
    edges = [round(edge * WINDOW / SAMPLE_RATE_HZ) for edge in BAND_EDGES_HZ]
    values: list[NDArray[np.float64]] = []
    for spectra in power_spectra(samples, WINDOW, HOP):
        heard = spectra[spectra.sum(axis=1) / WINDOW >= SILENT_POWER * WINDOW] + 1e-12
        bands = [heard[:, low:high] for low, high in pairwise(edges)]
        weights = np.array([band.mean(axis=1) for band in bands])
        values.append(
            (np.array([_band_flatness(band) for band in bands]) * weights).sum(axis=0) / weights.sum(axis=0)
        )
    every = np.concatenate([np.zeros(0), *values])
    return float(np.mean(every)) if len(every) else None


def _band_flatness(band: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geometric over arithmetic mean of each spectrum (row), after a straight line through its logarithm."""
    logs = np.log(band)
    across = np.arange(band.shape[1]) - (band.shape[1] - 1) / 2
    tilts = (logs * across).sum(axis=1) / (across**2).sum()
    level = logs - tilts[:, None] * across
    return np.asarray(np.exp(level.mean(axis=1)) / np.exp(level).mean(axis=1))

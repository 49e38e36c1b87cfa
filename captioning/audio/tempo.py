"""A regular beat in words, stated only where sound repeats strongly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.audio.sound import power_spectra
from captioning.facts import fact
from captioning.records import Segment

WINDOW = 512
HOP = 160
FRAMES_PER_S = SAMPLE_RATE_HZ / HOP
SLOWEST_BPM, FASTEST_BPM = 50, 200
MIN_DURATION_S = 4.0
MIN_STRENGTH = 0.5
"""Autocorrelation of onsets, as a share of their power, from which on a beat is stated."""
TREND_S = 1.5
MIN_ONSET = 0.02
"""Mean rise (log10 of power) below which the sound is too steady to have onsets."""
FLOOR = 1e-6
AS_GOOD = 0.85
"""A shorter period within this share of the best wins: a beat repeats at its multiples as well."""


def tempo_facts(samples: Floats, duration_s: float) -> list[Segment]:
    """One sentence where there is a beat, else none."""
    if duration_s < MIN_DURATION_S:
        return []
    found = tempo(samples)
    if found is None:
        return []
    bpm, strength = found
    return [fact(0, duration_s, f"The sound has a regular beat of about {bpm:.0f} per minute.", strength)]


def tempo(samples: Floats) -> tuple[float, float] | None:
    """Beats per minute and strength (0..1) of the strongest period of the onsets; None below the limit."""
    onsets = _onsets(samples)
    longest = round(60 / SLOWEST_BPM * FRAMES_PER_S)
    if len(onsets) < 2 * longest or onsets.mean() < MIN_ONSET:
        return None
    spectrum = np.fft.rfft(_without_trend(onsets), 2 * len(onsets))
    correlation = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: longest + 2]
    if correlation[0] <= 0:
        return None
    strength = correlation / correlation[0] * len(onsets) / (len(onsets) - np.arange(longest + 2))
    shortest = round(60 / FASTEST_BPM * FRAMES_PER_S)
    lags = [
        lag
        for lag in range(shortest, longest + 1)
        if strength[lag] >= strength[lag - 1] and strength[lag] > strength[lag + 1]
    ]
    if not lags:
        return None
    best = max(strength[lag] for lag in lags)
    if best < MIN_STRENGTH:
        return None
    lag = next(lag for lag in lags if strength[lag] >= AS_GOOD * best)
    return 60 * FRAMES_PER_S / _peak(strength, lag), float(min(1.0, best))


def _peak(values: NDArray[np.float64], index: int) -> float:
    """Where the parabola through a maximum and its neighbours has its top."""
    before, top, after = values[index - 1 : index + 2]
    return index + float(0.5 * (before - after) / (before - 2 * top + after))


def _onsets(samples: Floats) -> NDArray[np.float64]:
    """How much louder each frame is than the one before, over all frequencies (log scale).

    What is more than 60 dB below the clip's mean level is left out: the noise of quantising a steady
    tone repeats very regularly.
    """
    mean_power = float(np.einsum("i,i", samples, samples, dtype=np.float64)) / max(1, len(samples))
    floor = mean_power * FLOOR * WINDOW**2
    levels: list[NDArray[np.float64]] = []
    for spectra in power_spectra(samples, WINDOW, HOP):
        bands = np.add.reduceat(spectra, _band_starts(spectra.shape[1]), axis=1)
        levels.append(np.log10(floor + bands))
    if not levels:
        return np.zeros(0)
    rises = np.maximum(np.diff(np.concatenate(levels), axis=0), 0)
    return np.asarray(rises.mean(axis=1))


def _without_trend(onsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Onsets about their mean nearby: noise that sets in or stops is similar to itself at every period."""
    size = round(TREND_S * FRAMES_PER_S)
    counts = np.convolve(np.ones(len(onsets)), np.ones(size), "same")
    return onsets - np.convolve(onsets, np.ones(size), "same") / counts


def _band_starts(num_bins: int) -> NDArray[np.intp]:
    """First bins of about 24 bands, narrow below and wide above."""
    return np.unique(np.geomspace(2, num_bins - 1, 25).astype(np.intp))[:-1]

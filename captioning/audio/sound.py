"""Short-time spectra of a clip's sound."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from curation.filters.measures.sound import Floats

FRAMES_AT_ONCE = 2048
"""Spectra computed in one go: bounds the memory that a long clip takes."""


def power_spectra(samples: Floats, window: int, hop: int) -> Iterator[NDArray[np.float64]]:
    """Power spectra (frames, window / 2 + 1) of Hann windows, in blocks of many frames."""
    if len(samples) < window:
        return
    taper = np.hanning(window)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * taper, axis=1)
        yield spectra.real**2 + spectra.imag**2

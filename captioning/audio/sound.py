"""The samples of a clip's sound, and short-time spectra of them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av
import numpy as np
from numpy.typing import NDArray

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats

FULL_SCALE = 32768
FRAMES_AT_ONCE = 2048
"""Spectra computed in one go: bounds the memory that a long clip takes."""


def samples_of(flac: bytes) -> Floats:
    """Samples (1-D float32, 16 kHz, -1..1) of a FLAC file that the cut encoded, decoded in this process.

    Raises:
        ValueError: the file is not 16 kHz mono of 16 bits.
    """
    with av.open(io.BytesIO(flac), format="flac") as container:
        context = container.streams.audio[0].codec_context
        found = (context.sample_rate, context.layout.name, context.format.name)
        if found != (SAMPLE_RATE_HZ, "mono", "s16"):
            raise ValueError(f"clip audio is {found}, expected 16000 Hz mono s16: cut the clip again")
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    whole = np.concatenate([np.zeros(0, np.int16), *parts])
    return np.asarray(whole.astype(np.float32) / FULL_SCALE, np.float32)


def power_spectra(samples: Floats, window: int, hop: int) -> Iterator[NDArray[np.float64]]:
    """Power spectra (frames, window / 2 + 1) of Hann windows, in blocks of many frames."""
    if len(samples) < window:
        return
    taper = np.hanning(window)
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop]
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        spectra = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * taper, axis=1)
        yield spectra.real**2 + spectra.imag**2

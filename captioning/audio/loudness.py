"""Integrated loudness in words (ITU-R BS.1770-4, sections 2 and 3, on one channel at 16 kHz).

What lies above 8 kHz is missing from the clip's sound and so from the figure.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.facts import fact
from captioning.records import Segment

BLOCK_S = 0.4
STEP_S = 0.1
PIECE_STEPS = 600
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = -10.0
OFFSET_LUFS = -0.691
SHELF = (1681.974450955533, 3.999843853973347, 0.7071752369554196)
"""Frequency (Hz), gain (dB) and quality of the pre-filter: the analogue form of the table for 48 kHz."""
HIGH_PASS = (38.13547087602444, 0.5003270373238773)
"""Frequency (Hz) and quality of the RLB filter, likewise."""
LEVELS = ((-16.0, "loud"), (-28.0, "of moderate loudness"), (-42.0, "quiet"))
"""From which loudness on which words hold; programmes are commonly levelled to -23 or -14 LUFS."""
VERY_QUIET = "very quiet"
CONFIDENCE = 0.95


def loudness_facts(samples: Floats, duration_s: float) -> list[Segment]:
    """One sentence on loudness; none where everything is below the absolute gate."""
    value = integrated_loudness(samples)
    if value is None:
        return []
    words = next((words for threshold, words in LEVELS if value >= threshold), VERY_QUIET)
    text = f"The sound is {words} (integrated loudness {value:.1f} LUFS)."
    return [fact(0, duration_s, text, CONFIDENCE)]


def integrated_loudness(samples: Floats) -> float | None:
    """Gated loudness in LUFS; None where no block passes the absolute gate."""
    steps = _step_powers(samples)
    num_steps = min(len(steps), round(BLOCK_S / STEP_S))
    if not num_steps:
        return None
    powers = np.lib.stride_tricks.sliding_window_view(steps, num_steps).mean(axis=1)
    loud = powers[powers > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return None
    gated = loud[loud > _power(_lufs(float(loud.mean())) + RELATIVE_GATE_LU)]
    return _lufs(float(gated.mean()))


def _lufs(power: float) -> float:
    return OFFSET_LUFS + 10 * math.log10(power)


def _power(lufs: float) -> float:
    return 10 ** ((lufs - OFFSET_LUFS) / 10)


def _step_powers(samples: Floats) -> NDArray[np.float64]:
    """Mean power of the weighted samples in each whole step; of all of them where there is none.

    Filters piece by piece, so that a long clip takes no more memory than a short one.
    """
    step = round(STEP_S * SAMPLE_RATE_HZ)
    powers = []
    for start in range(0, len(samples), PIECE_STEPS * step):
        lead = min(start, SAMPLE_RATE_HZ)
        piece = _k_weighted(samples[start - lead : start + PIECE_STEPS * step])[lead:]
        whole = piece[: len(piece) // step * step].reshape(-1, step)
        powers.append((whole**2).mean(axis=1))
    found = np.concatenate([np.zeros(0), *powers])
    if len(samples) and not len(found):
        found = np.array([(_k_weighted(samples) ** 2).mean()])
    return found


def _k_weighted(samples: Floats) -> NDArray[np.float64]:
    """The samples through both filters, by way of their spectrum; a second of zeros takes the tail."""
    size = len(samples) + SAMPLE_RATE_HZ
    spectrum = np.fft.rfft(samples.astype(np.float64), size)
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    for numerator, denominator in (_shelf(*SHELF), _high_pass(*HIGH_PASS)):
        spectrum *= np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(samples)])


def _shelf(frequency_hz: float, gain_db: float, quality: float) -> tuple[list[float], list[float]]:
    """High shelf by the bilinear transform: coefficients of z^0, z^-1, z^-2 above and below the line."""
    k = math.tan(math.pi * frequency_hz / SAMPLE_RATE_HZ)
    high = 10 ** (gain_db / 20)
    middle = high**0.4996667741545416
    norm = 1 + k / quality + k * k
    above = [high + middle * k / quality + k * k, 2 * (k * k - high), high - middle * k / quality + k * k]
    below = [1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm]
    return [value / norm for value in above], below


def _high_pass(frequency_hz: float, quality: float) -> tuple[list[float], list[float]]:
    """High pass by the bilinear transform, in the form of `_shelf`."""
    k = math.tan(math.pi * frequency_hz / SAMPLE_RATE_HZ)
    norm = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0], [1.0, 2 * (k * k - 1) / norm, (1 - k / quality + k * k) / norm]

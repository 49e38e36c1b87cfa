"""Music, beats, wind and rain from oscillators and shaped noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from examples.footage.texture import Random

SAMPLE_RATE_HZ = 44_100

Mono = npt.NDArray[np.float64]
"""Samples in -1..1."""
Stereo = npt.NDArray[np.float64]
"""Samples x 2, in -1..1."""


def pitch_hz(note: int) -> float:
    """Frequency of a MIDI note (69 is A4, 440 Hz)."""
    return 440.0 * 2 ** ((note - 69) / 12)


def pad(chords: Sequence[Sequence[int]], duration_s: float) -> Stereo:
    """Soft held chords, one after another, each tone slightly out of tune left and right."""
    sound = _silence(duration_s)
    chord_s = duration_s / len(chords)
    for index, chord in enumerate(chords):
        time_s = _time(chord_s + 0.8)
        swell = np.clip(time_s / 0.9, 0, 1) * np.clip((chord_s + 0.8 - time_s) / 0.8, 0, 1)
        for note in chord:
            for side, detune in ((0, 0.997), (1, 1.003)):
                tone = _harmonics(pitch_hz(note) * detune, time_s, (1, 0.35, 0.18, 0.06))
                _add(sound[:, side], tone * swell * (0.34 / len(chord)), index * chord_s)
    return sound


def arpeggio(notes: Sequence[int], beats_per_minute: float, duration_s: float) -> Stereo:
    """Plucked notes, two to a beat, moving from side to side."""
    sound = _silence(duration_s)
    step_s = 30 / beats_per_minute
    time_s = _time(1.2)
    for index in range(int(duration_s / step_s)):
        tone = _harmonics(pitch_hz(notes[index % len(notes)]), time_s, (1, 0.5, 0.25, 0.12))
        pluck = tone * np.exp(-time_s * 4.5) * np.clip(time_s / 0.004, 0, 1) * 0.28
        share = 0.5 + 0.35 * np.sin(index * 0.8)
        _add(sound[:, 0], pluck * (1 - share), index * step_s)
        _add(sound[:, 1], pluck * share, index * step_s)
    return sound


def drums(random: Random, beats_per_minute: float, duration_s: float) -> Stereo:
    """A bass drum on the beat, a hi-hat between."""
    sound = _silence(duration_s)
    beat_s = 60 / beats_per_minute
    time_s = _time(0.3)
    kick = np.sin(2 * np.pi * (50 * time_s + 6 * (1 - np.exp(-time_s * 30)))) * np.exp(-time_s * 14) * 0.6
    hat = shaped_noise(random, 0.3, low_hz=6_000, high_hz=14_000) * np.exp(-time_s * 45) * 0.35
    for beat in range(int(duration_s / beat_s)):
        for side in (0, 1):
            _add(sound[:, side], kick, beat * beat_s)
            _add(sound[:, side], hat, (beat + 0.5) * beat_s)
    return sound


def wind(random: Random, duration_s: float) -> Stereo:
    """Wind in gusts."""
    gusts = 0.55 + 0.45 * np.sin(2 * np.pi * (0.23 * _time(duration_s) + random.random()))
    sides = [shaped_noise(random, duration_s, low_hz=90, high_hz=700) for _ in range(2)]
    return np.stack(sides, axis=1) * gusts[:, None] * 0.5


def rain(random: Random, duration_s: float) -> Stereo:
    """A steady rush, single drops above it."""
    sides = [shaped_noise(random, duration_s, low_hz=900, high_hz=9_000) for _ in range(2)]
    sound = np.stack(sides, axis=1) * 0.22
    time_s = _time(0.03)
    for _ in range(int(duration_s * 40)):
        drop = np.sin(2 * np.pi * random.uniform(1_500, 4_500) * time_s) * np.exp(-time_s * 260)
        _add(
            sound[:, int(random.integers(2))],
            drop * random.uniform(0.05, 0.22),
            random.uniform(0, duration_s),
        )
    return sound


def shaped_noise(random: Random, duration_s: float, *, low_hz: float, high_hz: float) -> Mono:
    """Noise between two frequencies with soft edges (a peak of 1)."""
    spectrum = np.fft.rfft(random.standard_normal(len(_time(duration_s))))
    frequency_hz = np.fft.rfftfreq(len(_time(duration_s)), 1 / SAMPLE_RATE_HZ)
    shape = 1 / (1 + (low_hz / np.maximum(frequency_hz, 1)) ** 4) / (1 + (frequency_hz / high_hz) ** 4)
    noise = np.fft.irfft(spectrum * shape, len(_time(duration_s)))
    return noise / np.abs(noise).max()


def silent_from(sound: Stereo, start_s: float) -> Stereo:
    """The sound, with digital silence from a moment on (after a fade of 50 ms)."""
    seconds = np.arange(len(sound)) / SAMPLE_RATE_HZ
    return sound * np.clip((start_s - seconds) / 0.05, 0, 1)[:, None]


def speak_over(bed: Stereo, speech: Sequence[tuple[float, Mono]]) -> Stereo:
    """Speech laid over a bed, each item with its start in seconds; the bed is turned down to 6 %."""
    level = np.ones(len(bed))
    voice = np.zeros(len(bed))
    for start_s, samples in speech:
        _add(voice, samples * 0.8, start_s)
        start = max(0, round((start_s - 0.15) * SAMPLE_RATE_HZ))
        level[start : start + len(samples) + round(0.3 * SAMPLE_RATE_HZ)] = 0.06
    ramp = round(0.15 * SAMPLE_RATE_HZ)
    sums = np.cumsum(np.pad(level, (ramp // 2 + 1, ramp - ramp // 2 - 1), mode="edge"))
    smooth = (sums[ramp:] - sums[:-ramp]) / ramp
    smooth = np.append(smooth, smooth[-1])[: len(bed)]
    return np.clip(bed * smooth[:, None] + voice[:, None], -1, 1)


def _silence(duration_s: float) -> Stereo:
    return np.zeros((len(_time(duration_s)), 2))


def _time(duration_s: float) -> Mono:
    return np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def _harmonics(frequency_hz: float, time_s: Mono, strengths: Sequence[float]) -> Mono:
    waves = [
        strength * np.sin(2 * np.pi * frequency_hz * (number + 1) * time_s)
        for number, strength in enumerate(strengths)
    ]
    return np.sum(waves, axis=0)


def _add(track: Mono, samples: Mono, start_s: float) -> None:
    start = round(start_s * SAMPLE_RATE_HZ)
    length = max(0, min(len(samples), len(track) - start))
    track[start : start + length] += samples[:length]

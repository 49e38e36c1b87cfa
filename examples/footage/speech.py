"""Spoken English from eSpeak NG, called through ctypes.

The library and its voices come from `espeakng-loader` (the `demo` extra). It is GPL-3 software, so
nothing but this generator uses it; see docs/decisions/0004-demo-speech.md. The C functions and
constants are those of `speak_lib.h` of eSpeak NG 1.52.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from examples.footage.sound import SAMPLE_RATE_HZ, Mono

AUDIO_OUTPUT_SYNCHRONOUS = 2
CHARS_UTF8 = 1
POS_CHARACTER = 1
PARAMETER_RATE = 1
PARAMETER_PITCH = 3
ESPEAK_RATE_HZ = 22_050

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class MissingSynthesiserError(ValueError):
    """The speech synthesiser is not installed."""


@dataclass(frozen=True)
class Voice:
    """An eSpeak voice with a variant ("en-us+m3"), how fast it speaks, and its pitch (0 to 99)."""

    name: str
    words_per_minute: int
    pitch: int


VOICES = {"clear": Voice("en-us+klatt4", 175, 70), "warm": Voice("en-us+edward2", 170, 60)}
"""Of 30 variants at several speeds and pitches, the two of which pocketsphinx understood most."""


def speak(text: str, voice: Voice) -> Mono:
    """Say a text: mono samples in -1..1 at `SAMPLE_RATE_HZ`, normalised to a peak of 0.9.

    eSpeak keeps state between utterances, so equal samples need a fresh process and the same order.

    Raises:
        MissingSynthesiserError: `espeakng-loader` is not installed.
        ValueError: eSpeak does not know the voice.
    """
    library = _library()
    chunks: list[npt.NDArray[np.int16]] = []

    def collect(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if count:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    callback = Callback(collect)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise ValueError(f"eSpeak NG knows no voice '{voice.name}'. Use one such as 'en-us' or 'en-us+f3'.")
    library.espeak_SetParameter(PARAMETER_RATE, voice.words_per_minute, 0)
    library.espeak_SetParameter(PARAMETER_PITCH, voice.pitch, 0)
    data = text.encode() + b"\0"
    library.espeak_Synth(data, len(data), 0, POS_CHARACTER, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    samples = np.concatenate(chunks).astype(np.float64)
    return _double_rate(samples * (0.9 / max(1.0, float(np.abs(samples).max()))))


def check_synthesiser() -> None:
    """Fail early, with what to install.

    Raises:
        MissingSynthesiserError: `espeakng-loader` is not installed, or does not start.
    """
    _library()


@functools.cache
def _library() -> ctypes.CDLL:
    try:
        import espeakng_loader
    except ImportError:
        raise MissingSynthesiserError(
            "the narration needs the speech synthesiser 'espeakng-loader', which is not installed. "
            "Install it with: pip install 'espeakng-loader>=0.2.4'"
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    folder = str(Path(espeakng_loader.get_data_path()).parent)
    rate_hz = library.espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 0, folder.encode(), 0)
    if rate_hz != ESPEAK_RATE_HZ:
        raise MissingSynthesiserError(
            f"eSpeak NG did not start from {folder} (espeak_Initialize gave {rate_hz}, expected "
            f"{ESPEAK_RATE_HZ}). Reinstall it with: pip install --force-reinstall espeakng-loader"
        )
    return library


def _double_rate(samples: Mono) -> Mono:
    """Twice the sample rate, by zero-padding the spectrum (so nothing new above the old Nyquist)."""
    assert SAMPLE_RATE_HZ == 2 * ESPEAK_RATE_HZ
    return 2.0 * np.fft.irfft(np.fft.rfft(samples), 2 * len(samples))

"""The samples of a clip's sound, and how loud they are over time."""

from __future__ import annotations

import io
from typing import TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

from curation.cut.sound import RATE_HZ as AUDIO_RATE_HZ

Floats: TypeAlias = NDArray[np.float32]

FULL_SCALE = 32768
FRAME_S = 0.05
"""Length of the frames whose level is taken."""


def samples_of(flac: bytes) -> Floats:
    """Samples (1-D float32, 16 kHz, -1..1) of a FLAC file that the cut encoded, decoded in this process.

    Raises:
        ValueError: the file is not 16 kHz mono of 16 bits.
    """
    with av.open(io.BytesIO(flac), format="flac") as container:
        context = container.streams.audio[0].codec_context
        found = (context.sample_rate, context.layout.name, context.format.name)
        if found != (AUDIO_RATE_HZ, "mono", "s16"):
            raise ValueError(f"clip audio is {found}, expected 16000 Hz mono s16: cut the clip again")
        parts = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    whole = np.concatenate([np.zeros(0, np.int16), *parts])
    return np.asarray(whole.astype(np.float32) / FULL_SCALE, np.float32)


def levels_dbfs(samples: Floats) -> NDArray[np.float64]:
    """Level of each frame; the last may be shorter."""
    size = round(FRAME_S * AUDIO_RATE_HZ)
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    powers = np.einsum("ij,ij->i", whole, whole, dtype=np.float64) / size
    rest = samples[whole.size :].astype(np.float64)
    if len(rest):
        powers = np.append(powers, np.mean(rest**2))
    return np.asarray(10 * np.log10(np.maximum(powers, 1e-20)))


def heard_s(flac: bytes, level_dbfs: float) -> float:
    """Seconds of sound that reach a level."""
    samples = samples_of(flac)
    loud = int(np.count_nonzero(levels_dbfs(samples) >= level_dbfs))
    return min(loud * FRAME_S, len(samples) / AUDIO_RATE_HZ)

"""The Silero VAD network (16 kHz): the sequence model that the `silero-vad` package ships, in onnxruntime.

The package itself is never imported: it would bring torch into every worker.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
State: TypeAlias = tuple[Floats, Floats]

DISTRIBUTION = "silero-vad"
MODEL = "silero_vad/data/silero_vad_16k_sequence.onnx"
SAMPLE_RATE_HZ = 16000
WINDOW = 512
"""Samples that one probability speaks of (32 ms)."""
CONTEXT = 64
"""Samples before a window that the network sees with it."""
HIDDEN = 128
PROBABILITY_DECIMALS = 4
"""Rounding that keeps the last bits of matrix products out of every decision."""


def model_path() -> Path:
    """Where the installed package keeps the model.

    Raises:
        FileNotFoundError: the installed silero-vad is too old to have it.
    """
    path = Path(str(importlib.metadata.distribution(DISTRIBUTION).locate_file(MODEL)))
    if not path.is_file():
        version = importlib.metadata.version(DISTRIBUTION)
        raise FileNotFoundError(f"silero-vad {version} has no {MODEL}: install silero-vad 6.2.3 or newer")
    return path


@functools.cache
def model_sha256() -> str:
    """sha256 (hex) of the model file."""
    return hashlib.sha256(model_path().read_bytes()).hexdigest()


class SileroNetwork:
    """Speech probabilities of windows of sound, on one thread; the recurrent state is the caller's."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model_path()), options, providers=["CPUExecutionProvider"]
        )

    @staticmethod
    def initial_state() -> State:
        """The recurrent state before the first window."""
        return np.zeros((1, 1, HIDDEN), np.float32), np.zeros((1, 1, HIDDEN), np.float32)

    def __call__(self, windows: Floats, state: State) -> tuple[Floats, State]:
        """Probabilities (N,) of windows (N, CONTEXT + WINDOW) that follow each other in time."""
        hidden, cell = state
        inputs = {"input": np.ascontiguousarray(windows), "h": hidden, "c": cell}
        probabilities, hidden, cell = self._session.run(["speech_probs", "hn", "cn"], inputs)
        return np.round(probabilities.reshape(-1), PROBABILITY_DECIMALS), (hidden, cell)

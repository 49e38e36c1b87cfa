"""Where somebody speaks: spans of speech from Silero VAD, for clips and for hours of sound."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

import numpy as np

from captioning.audio.silero import (
    CONTEXT,
    DISTRIBUTION,
    SAMPLE_RATE_HZ,
    WINDOW,
    Floats,
    SileroNetwork,
    model_sha256,
)
from captioning.records import Span

PARAMETERS: Mapping[str, float] = {
    "start_probability": 0.5,
    "end_probability": 0.35,
    "min_speech_s": 0.25,
    "min_silence_s": 0.1,
    "padding_s": 0.03,
}
"""Speech starts at one probability and ends below the other; shorter speech is dropped, shorter
silence bridged, and spans are widened by the padding (the defaults of silero-vad 6.2)."""

BLOCK_WINDOWS = 256
"""Windows that go through the network at once. Fixed, so that a stream gives the same bits however it
was fed; 8 s of sound."""


def vad_fingerprints() -> dict[str, str]:
    """What decides the spans besides the sound, for `Stage.fingerprints`."""
    return {
        "silero-vad": importlib.metadata.version(DISTRIBUTION),
        "silero-vad-model": model_sha256(),
        "onnxruntime": importlib.metadata.version("onnxruntime"),
    }


class VoiceActivity:
    """The voice activity detector; loads its weights when made, so make it in `setup()`."""

    def __init__(self) -> None:
        self._network = SileroNetwork()

    def spans(self, samples: Floats) -> list[Span]:
        """Spans of speech in seconds from the first of `samples` (1-D float32, 16 kHz, -1..1).

        Raises:
            ValueError: the samples are of another shape or type.
        """
        return spans_of(self.probabilities(samples), len(samples))

    def probabilities(self, samples: Floats) -> Floats:
        """Probability of speech in each window of 32 ms, the last one filled up with zeros."""
        windows = _Windows(self._network)
        return np.concatenate([windows.feed(samples), windows.finish()])

    def stream(self) -> SpeechStream:
        """A detector for sound that comes piece by piece, in memory that does not grow."""
        return SpeechStream(self._network)


def spans_of(probabilities: Floats, num_samples: int) -> list[Span]:
    """Spans of speech from the probabilities of all windows of `num_samples` samples."""
    end_s = num_samples / SAMPLE_RATE_HZ
    hysteresis = _Hysteresis()
    return _within(hysteresis.feed(probabilities) + hysteresis.finish(end_s), end_s)


class SpeechStream:
    """Spans of speech as they close; times count from the first sample that was ever fed."""

    def __init__(self, network: SileroNetwork) -> None:
        self._windows = _Windows(network)
        self._hysteresis = _Hysteresis()
        self._num_samples = 0

    def feed(self, samples: Floats) -> list[Span]:
        """Take in more samples (1-D float32, any number) and give the spans that closed meanwhile."""
        found = self._hysteresis.feed(self._windows.feed(samples))
        self._num_samples += len(samples)
        return found

    def finish(self) -> list[Span]:
        """The remaining spans; nothing may be fed afterwards."""
        end_s = self._num_samples / SAMPLE_RATE_HZ
        found = self._hysteresis.feed(self._windows.finish()) + self._hysteresis.finish(end_s)
        return _within(found, end_s)


class _Windows:
    """Cuts a stream of samples into blocks of windows and keeps the network's state between them."""

    def __init__(self, network: SileroNetwork) -> None:
        self._network = network
        self._state = network.initial_state()
        self._context = np.zeros(CONTEXT, np.float32)
        self._pending: list[Floats] = []
        self._num_pending = 0

    def feed(self, samples: Floats) -> Floats:
        """Probabilities of the blocks that are now complete."""
        if samples.ndim != 1 or samples.dtype != np.float32:
            raise ValueError(f"samples of shape {samples.shape}, {samples.dtype}: want 1-D float32")
        self._pending.append(samples)
        self._num_pending += len(samples)
        block = BLOCK_WINDOWS * WINDOW
        if self._num_pending < block:
            return np.zeros(0, np.float32)
        pending = np.concatenate(self._pending)
        whole = len(pending) // block * block
        self._pending, self._num_pending = [pending[whole:].copy()], len(pending) - whole
        return np.concatenate([self._run(pending[start : start + block]) for start in range(0, whole, block)])

    def finish(self) -> Floats:
        """Probabilities of what is left."""
        if not self._num_pending:
            return np.zeros(0, np.float32)
        pending = np.concatenate(self._pending)
        return self._run(np.pad(pending, (0, -len(pending) % WINDOW)))

    def _run(self, block: Floats) -> Floats:
        with_context = np.concatenate([self._context, block])
        self._context = with_context[-CONTEXT:].copy()
        windows = np.lib.stride_tricks.sliding_window_view(with_context, CONTEXT + WINDOW)[::WINDOW]
        probabilities, self._state = self._network(windows, self._state)
        return probabilities


class _Hysteresis:
    """Turns probabilities, in order, into padded spans."""

    def __init__(self) -> None:
        self._position = 0
        self._start: int | None = None
        self._silent_since: int | None = None

    def feed(self, probabilities: Floats) -> list[Span]:
        found: list[Span] = []
        for probability in probabilities.tolist():
            self._step(probability, found)
            self._position += WINDOW
        return found

    def finish(self, end_s: float) -> list[Span]:
        """The span that was still open at the end of the sound."""
        if self._start is None or end_s - self._start / SAMPLE_RATE_HZ <= PARAMETERS["min_speech_s"]:
            return []
        return [_padded(self._start / SAMPLE_RATE_HZ, end_s)]

    def _step(self, probability: float, found: list[Span]) -> None:
        if probability >= PARAMETERS["start_probability"]:
            self._silent_since = None
            if self._start is None:
                self._start = self._position
        elif self._start is not None and probability < PARAMETERS["end_probability"]:
            if self._silent_since is None:
                self._silent_since = self._position
            if (self._position - self._silent_since) / SAMPLE_RATE_HZ < PARAMETERS["min_silence_s"]:
                return
            start_s, end_s = self._start / SAMPLE_RATE_HZ, self._silent_since / SAMPLE_RATE_HZ
            if end_s - start_s > PARAMETERS["min_speech_s"]:
                found.append(_padded(start_s, end_s))
            self._start = self._silent_since = None


def _padded(start_s: float, end_s: float) -> Span:
    padding_s = PARAMETERS["padding_s"]
    return Span(start_s=round(max(0.0, start_s - padding_s), 6), end_s=round(end_s + padding_s, 6))


def _within(spans: list[Span], end_s: float) -> list[Span]:
    """The spans without the padding that reaches past the end of the sound."""
    return [Span(start_s=span.start_s, end_s=min(span.end_s, end_s)) for span in spans]

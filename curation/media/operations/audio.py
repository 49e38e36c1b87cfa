"""Decodes an audio stream to mono samples on the source's clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from curation.media.operations.decoding import open_decoder
from curation.media.wire import Sender

CHUNK_SAMPLES = 1 << 16

_PREROLL_S = 1.0
"""Decoded before a range begins: MP3, AAC and Opus need earlier packets (RFC 7845 asks for 80 ms)."""

_TOLERANCE_S = 0.05
"""Timestamps may stray this far from the count of samples before that is a gap or an overlap: Matroska
and FLV round them to milliseconds, and a packet lasts 20 to 30 ms."""

Piece = tuple[float, np.ndarray]
"""Time in seconds of the first sample, and float32 samples."""


def run(
    sender: Sender,
    limits: Mapping[str, Any],
    *,
    path: str,
    container: str,
    stream: int,
    sample_rate_hz: int,
    start_s: float,
    end_s: float | None,
) -> dict[str, Any]:
    """Send the samples of [start_s, end_s), sample i of which lies at start_s + i / sample_rate_hz."""
    latest_s = start_s + limits["max_duration_s"]
    timeline = _Timeline(sender, sample_rate_hz, start_s, latest_s if end_s is None else min(end_s, latest_s))
    preroll_s = start_s - _PREROLL_S
    target = None if preroll_s <= 0 else lambda time_base: int(preroll_s / time_base)
    _, decoder = open_decoder(path, container, limits, "audio", stream, target)
    resampler = _Resampler(sample_rate_hz)
    for frame in decoder:
        for piece in resampler.add(frame):
            timeline.place(*piece)
        if timeline.full:
            break
    for piece in resampler.finish():
        timeline.place(*piece)
    timeline.flush()
    return {"damage": decoder.damage()}


class _Resampler:
    """Turns frames into mono samples at one rate; a change of format or a jump in time starts it anew."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._resampler: AudioResampler | None = None
        self._format: tuple[Any, ...] = ()
        self._origin_s = 0.0
        self._taken_s = 0.0
        self._given = 0

    def add(self, frame: AudioFrame) -> Iterator[Piece]:
        """Resample a frame."""
        if not frame.sample_rate or not frame.samples:
            return
        expected_s = self._origin_s + self._taken_s
        at_s = expected_s if frame.pts is None or not frame.time_base else float(frame.pts * frame.time_base)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._format or abs(at_s - expected_s) > _TOLERANCE_S:
            yield from self.finish()
            self._resampler = AudioResampler(format="flt", layout="mono", rate=self._rate_hz)
            self._format, self._origin_s, self._taken_s, self._given = kind, at_s, 0.0, 0
        self._taken_s += frame.samples / frame.sample_rate
        frame.pts = None
        yield from self._resample(frame)

    def finish(self) -> Iterator[Piece]:
        """What the resampler still holds."""
        yield from self._resample(None)

    def _resample(self, frame: AudioFrame | None) -> Iterator[Piece]:
        if self._resampler is None:
            return
        for part in self._resampler.resample(frame):
            samples = part.to_ndarray().reshape(-1)
            yield self._origin_s + self._given / self._rate_hz, samples
            self._given += len(samples)


class _Timeline:
    """Places samples on the clock: zeros fill gaps, overlaps are dropped. Small pieces are gathered: a
    FLAC frame may hold 16 samples, and a message for each would cost more than decoding it."""

    def __init__(self, sender: Sender, sample_rate_hz: int, start_s: float, end_s: float) -> None:
        self._sender = sender
        self._rate_hz = sample_rate_hz
        self._start_s = start_s
        self._end = round((end_s - start_s) * sample_rate_hz)
        self._next = 0
        self._held: list[np.ndarray] = []
        self._num_held = 0

    @property
    def full(self) -> bool:
        """Whether the end was reached."""
        return self._next >= self._end

    def place(self, at_s: float, samples: np.ndarray) -> None:
        """Put samples, the first of which lies at `at_s`; what is outside or already taken is dropped."""
        first = round((at_s - self._start_s) * self._rate_hz)
        samples = samples[max(0, self._next - first) : max(0, self._end - first)]
        if not len(samples):
            return
        while self._next < first:
            self._send(np.zeros(min(CHUNK_SAMPLES, first - self._next), np.float32))
        for offset in range(0, len(samples), CHUNK_SAMPLES):
            self._send(samples[offset : offset + CHUNK_SAMPLES])

    def flush(self) -> None:
        """Send what was gathered."""
        if self._held:
            samples = np.concatenate(self._held)
            self._sender.send({"kind": "samples"}, samples.astype("<f4", copy=False).tobytes())
            self._held.clear()
            self._num_held = 0

    def _send(self, samples: np.ndarray) -> None:
        if self._num_held + len(samples) > CHUNK_SAMPLES:
            self.flush()
        self._held.append(samples)
        self._num_held += len(samples)
        self._next += len(samples)

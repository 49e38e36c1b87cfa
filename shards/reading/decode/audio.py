"""Sound: a stretch of it, mono, at a rate. Only what the stretch needs is decoded."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shards.reading.decode.config import PyavConfig
from shards.reading.decode.limits import MAX_AUDIO_SAMPLES, MAX_CHANNELS, MAX_RATE_HZ
from shards.reading.decode.media import media_of
from shards.reading.decode.opening import bearing_shortage, decoding, opened, stream_of
from shards.reading.errors import DecodeError

MARGIN_S = 0.25
"""Decoded before and after a stretch: what lossy codecs need to settle, and the taps of a resampler."""
MAX_START_S = 10.0**6


@dataclass(frozen=True, eq=False)
class Sound:
    """Mono float32 [N], full scale at -1 and 1, at `rate_hz`. The first `num_valid` samples are sound; those
    after are zeros that were asked for. `start_s` is where it begins in the file."""

    samples: NDArray[np.float32]
    rate_hz: int
    start_s: float
    num_valid: int

    @property
    def num_padded(self) -> int:
        """Zeros at the end."""
        return len(self.samples) - self.num_valid


@bearing_shortage
def decode_audio(
    data: bytes,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    rate_hz: int | None = None,
    pad: bool = False,
    media: str = "flac",
) -> Sound:
    """The sound from `start_s` for `duration_s` (to the end where None), channels averaged, at `rate_hz` (the
    file's own where None).

    Where the file ends earlier there are fewer samples; with `pad`, which needs a `duration_s`, zeros are
    appended and counted.

    Raises:
        DecodeError: the bytes are no such media, hold no sound, or exceed a limit.
        ValueError: `media` is of no kind that is decoded, or an argument is out of range.
    """
    _check(start_s, duration_s, rate_hz, pad)
    kind = media_of(media)
    if not kind.audio:
        raise ValueError(f"media = {media!r} has no sound")
    with opened(data, kind, PyavConfig().max_pixels) as container:
        stream = stream_of(container, kind, "audio", PyavConfig().max_pixels)
        own_hz = _rate(stream)
        out_hz = rate_hz or own_hz
        first = round(start_s * out_hz)
        stop = math.inf if duration_s is None else first + round(duration_s * out_hz)
        if duration_s is not None and stop - first > MAX_AUDIO_SAMPLES:
            raise ValueError(f"duration_s = {duration_s} at {out_hz} Hz: limit {MAX_AUDIO_SAMPLES} samples")
        if out_hz == own_hz:
            sound = _span(container, stream, first, stop)
        else:
            sound = _at_rate(container, stream, first, stop, out_hz)
    if not len(sound) and not (pad or start_s):
        raise DecodeError("no sound in it")
    if not np.isfinite(sound).all():
        raise DecodeError("sound with values that are no numbers")
    valid = len(sound)
    if pad:
        sound = np.pad(sound, (0, int(stop - first) - valid))
    return Sound(np.ascontiguousarray(sound), out_hz, first / out_hz, valid)


def _check(start_s: float, duration_s: float | None, rate_hz: int | None, pad: bool) -> None:
    if not 0 <= start_s <= MAX_START_S:
        raise ValueError(f"start_s = {start_s}: it must be from 0 to {MAX_START_S:.0f}")
    if duration_s is not None and not 0 < duration_s < math.inf:
        raise ValueError(f"duration_s = {duration_s}: it must be above 0, and finite")
    if rate_hz is not None and not 1000 <= rate_hz <= MAX_RATE_HZ:
        raise ValueError(f"rate_hz = {rate_hz}: it must be from 1000 to {MAX_RATE_HZ}")
    if pad and duration_s is None:
        raise ValueError("pad = True needs a duration_s to fill up to")


def _rate(stream: Any) -> int:
    rate, channels = int(stream.rate or 0), int(stream.channels or 0)
    if not 1000 <= rate <= MAX_RATE_HZ or not 1 <= channels <= MAX_CHANNELS:
        raise DecodeError(f"sound of {channels} channels at {rate} Hz")
    return rate


def _span(container: Any, stream: Any, begin: int, end: float) -> NDArray[np.float32]:
    """The samples [begin, end) of a stream, mono; where the file leaves a gap, zeros."""
    import av

    rate = _rate(stream)
    origin = stream.start_time or 0
    ahead_s = begin / rate - MARGIN_S
    # Matroska's ticks are milliseconds: there a sample is found only by counting from the first.
    if ahead_s > 0 and stream.time_base * rate <= 1:
        with contextlib.suppress(av.FFmpegError):
            container.seek(origin + int(ahead_s / stream.time_base), stream=stream, backward=True)
        found = _gather(_blocks(container, stream, rate), begin, end)
        if found is not None:
            return found
        # The file led too far: from its beginning, then.
        with decoding("sound does not seek"):
            container.seek(origin, stream=stream, backward=True)
    found = _gather(_blocks(container, stream, rate), begin, end, whole=True)
    return np.zeros(0, np.float32) if found is None else found


def _gather(
    blocks: Iterator[tuple[int, NDArray[np.float32]]], begin: int, end: float, *, whole: bool = False
) -> NDArray[np.float32] | None:
    """The samples [begin, end) of blocks by position; None if they begin too late, and are not the whole."""
    parts: list[NDArray[np.float32]] = []
    position = begin
    for at, block in blocks:
        if at > begin and not parts and not whole:
            return None
        stop = int(min(end, at + len(block)))
        if stop > position:
            if stop - begin > MAX_AUDIO_SAMPLES:
                raise DecodeError(f"sound is longer than {MAX_AUDIO_SAMPLES} samples")
            if at > position:
                parts.append(np.zeros(at - position, np.float32))
                position = at
            parts.append(block[position - at : stop - at])
            position = stop
        if position >= end:
            break
    return np.concatenate(parts) if parts else None


def _blocks(container: Any, stream: Any, rate: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Mono blocks, each with the number of its first sample, by its time in the file."""
    import av

    resampler = av.AudioResampler(format="fltp")
    origin = stream.start_time or 0
    expected: int | None = None
    frames = container.decode(stream)
    while True:
        with decoding("sound does not decode"):
            frame = next(frames, None)
            if frame is None:
                return
            if frame.sample_rate != rate:
                raise DecodeError(f"sound changes its rate from {rate} to {frame.sample_rate} Hz")
            told = None if frame.pts is None else round(float((frame.pts - origin) * frame.time_base) * rate)
            parts = [part.to_ndarray() for part in resampler.resample(frame)]
        at = (
            expected
            if told is None or (expected is not None and abs(told - expected) <= rate // 500)
            else told
        )
        at = at or 0
        for part in parts:
            mono = part.mean(axis=0, dtype=np.float32)
            yield at, mono
            at += len(mono)
        expected = at


def _at_rate(container: Any, stream: Any, first: int, stop: float, out_hz: int) -> NDArray[np.float32]:
    """The samples [first, stop) of a stream that is resampled. It is so from a place where both rates have
    a sample, so that those of a stretch are those of the whole."""
    own_hz = _rate(stream)
    places_hz = math.gcd(own_hz, out_hz)
    own_step, out_step = own_hz // places_hz, out_hz // places_hz
    margin = math.ceil(MARGIN_S * places_hz)
    begin = max(0, first // out_step - margin)
    end = math.inf if stop == math.inf else (math.ceil(stop / out_step) + margin) * own_step
    sound = _resampled(_span(container, stream, begin * own_step, end), own_hz, out_hz)
    skip = first - begin * out_step
    return sound[skip:] if stop == math.inf else sound[skip : skip + int(stop) - first]


def _resampled(sound: NDArray[np.float32], own_hz: int, out_hz: int) -> NDArray[np.float32]:
    import av

    if not len(sound):
        return sound
    frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
    frame.sample_rate = own_hz
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=out_hz)
    parts = [part.to_ndarray()[0] for part in [*resampler.resample(frame), *resampler.resample(None)]]
    return np.concatenate(parts) if parts else sound[:0]

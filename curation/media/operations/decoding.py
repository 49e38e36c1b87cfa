"""Packets to frames: what is damaged is skipped and counted, times are made to increase."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import av
from av.frame import Frame

from curation.media.operations.opening import (
    PacketReader,
    open_media,
    prepare_decoder,
    stream_of,
    time_base,
)

_SEEK_MARGINS_S = (0.0, 5.0, 30.0)


class Decoder:
    """Frames of a stream in the order in which the decoder puts them out.

    A packet that cannot be decoded is skipped, as players and the ffmpeg command do, and a file that
    ends early ends the stream: `damage` tells.
    """

    def __init__(self, packets: PacketReader) -> None:
        self._packets = packets
        self.frames = 0
        self._corrupt_frames = 0
        self._bad_packets = 0
        self._first_error = ""

    def __iter__(self) -> Iterator[Any]:
        for packet in self._packets:
            try:
                frames = packet.decode()
            except av.error.MemoryError:
                raise
            except av.FFmpegError as error:
                self._bad_packets += 1
                self._first_error = self._first_error or error.strerror or type(error).__name__
                continue
            self.frames += len(frames)
            self._corrupt_frames += sum(frame.is_corrupt for frame in frames)
            yield from frames

    def damage(self) -> str | None:
        """What was wrong with the stream, None if nothing was."""
        parts = []
        if self._bad_packets:
            parts.append(f"{self._bad_packets} packets cannot be decoded ({self._first_error})")
        if self._corrupt_frames:
            parts.append(f"{self._corrupt_frames} frames are damaged")
        if self._packets.failure:
            parts.append(f"reading stops early ({self._packets.failure})")
        return "; ".join(parts) or None


def open_decoder(
    path: str,
    container: str,
    limits: Mapping[str, Any],
    kind: str,
    index: int,
    target: Callable[[Fraction], int] | None = None,
    threads: int = 1,
) -> tuple[Any, Decoder]:
    """A stream and its frames, from a keyframe at or before a target where the file can be searched, else
    from its beginning. `target` gives a pts for a time base.

    Raises:
        RefusedError: the file or the stream cannot be used.
    """
    if target is not None:
        found = search_decoder(path, container, limits, kind, index, target, threads)
        if found is not None:
            return found
    media = open_media(path, container, limits)
    stream = stream_of(media, index, kind)
    prepare_decoder(stream, limits, threads)
    return stream, Decoder(PacketReader(media, stream))


def search_decoder(
    path: str,
    container: str,
    limits: Mapping[str, Any],
    kind: str,
    index: int,
    target: Callable[[Fraction], int],
    threads: int = 1,
) -> tuple[Any, Decoder] | None:
    """A stream and its frames from a keyframe at or before a target, None where the file cannot be searched.

    Raises:
        RefusedError: the file or the stream cannot be used.
    """
    for margin_s in _SEEK_MARGINS_S:
        media = open_media(path, container, limits)
        stream = stream_of(media, index, kind)
        packets = PacketReader(media, stream)
        unit_s = time_base(stream)
        if packets.seek(target(unit_s) - int(margin_s / unit_s)):
            prepare_decoder(stream, limits, threads)
            return stream, Decoder(packets)
        media.close()
    return None


class Clock:
    """Gives each frame a pts above that of the frame before.

    A frame's own pts is used, or its dts where pts are missing or have gone back more often than dts
    (the rule of FFmpeg's best_effort_timestamp). A frame without either follows the previous one by the
    previous duration. What is then not above the previous pts becomes the previous pts plus one.
    """

    def __init__(self) -> None:
        self._previous: int | None = None
        self._step = 1
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = 0
        self._faulty_dts = 0

    def __call__(self, frame: Frame) -> int:
        """The pts of the next frame."""
        pts = self._best(frame.pts, frame.dts)
        if pts is None:
            pts = 0 if self._previous is None else self._previous + self._step
        if self._previous is not None and pts <= self._previous:
            pts = self._previous + 1
        self._step = max(1, frame.duration or self._step)
        self._previous = pts
        return pts

    def _best(self, pts: int | None, dts: int | None) -> int | None:
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts

"""Decodes a video stream to frames of one size in presentation order."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from av.filter import Graph
from av.video.frame import VideoFrame

from curation.media.child import RefusedError
from curation.media.operations.decoding import Clock, open_decoder
from curation.media.operations.opening import time_base
from curation.media.operations.orientation import Filters, upright_filters
from curation.media.wire import Sender

_SCALER = "bicubic+accurate_rnd+bitexact"
_SKIPPED_PER_MESSAGE = 256


def run(
    sender: Sender,
    limits: Mapping[str, Any],
    *,
    path: str,
    container: str,
    stream: int,
    width_px: int,
    height_px: int,
    gray: bool,
    start_pts: int | None,
    end_pts: int | None,
    threads: int,
) -> dict[str, Any]:
    """Send every frame with start_pts <= pts < end_pts, upright and scaled."""
    target = None if start_pts is None else lambda _: start_pts
    video, decoder = open_decoder(path, container, limits, "video", stream, target, threads)
    unit_s = time_base(video)
    scaler = _Scaler(width_px, height_px, "gray" if gray else "rgb24", unit_s)
    clock = Clock()
    first_pts: int | None = None
    for frame in decoder:
        pts = clock(frame)
        first_pts = pts if first_pts is None else first_pts
        progress_s = float((pts - first_pts) * unit_s)
        if end_pts is not None and pts >= end_pts:
            break
        if start_pts is None or pts >= start_pts:
            header = {"kind": "frame", "pts": pts, "key": bool(frame.key_frame), "s": progress_s}
            sender.send(header, scaler(frame))
        elif decoder.frames % _SKIPPED_PER_MESSAGE == 0:
            sender.send({"kind": "progress", "s": progress_s})
            sender.flush()
    if decoder.frames == 0:
        raise RefusedError(
            "decode_failed", f"has no frame that can be decoded ({decoder.damage() or 'no data'})"
        )
    return {"damage": decoder.damage()}


class _Scaler:
    """A filter graph that is built anew when the stream's format, size or orientation changes midway."""

    def __init__(self, width_px: int, height_px: int, pixel_format: str, time_base: Fraction) -> None:
        self._size = (width_px, height_px)
        self._format = pixel_format
        self._time_base = time_base
        self._key: tuple[Any, ...] | None = None
        self._turns: Filters = ()
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> bytes:
        """The pixels of a frame, rows without padding."""
        if frame.key_frame or self._key is None:
            self._turns = upright_filters(frame)
        turns = self._turns
        key = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, turns)
        if key != self._key:
            self._graph = self._build(frame, turns)
            self._key = key
        frame.pts = None
        self._graph.vpush(frame)
        return self._graph.vpull().to_ndarray().tobytes()

    def _build(self, frame: VideoFrame, turns: Filters) -> Graph:
        """Scaling comes first, so that turning is done on few pixels."""
        width, height = self._size
        if any(name == "transpose" for name, _ in turns):
            width, height = height, width
        graph = Graph()
        graph.threads = 1
        nodes = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=self._time_base
            ),
            graph.add("scale", f"{width}:{height}:flags={_SCALER}"),
            graph.add("format", self._format),
            *(graph.add(name, argument) for name, argument in turns),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph

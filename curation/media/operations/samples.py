"""Decodes single frames from all over a video stream, at full size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from av.video.frame import VideoFrame

from curation.media.operations.decoding import Clock, Decoder, open_decoder
from curation.media.operations.opening import time_base
from curation.media.operations.pictures import Scaler
from curation.media.wire import Sender


def run(
    sender: Sender,
    limits: Mapping[str, Any],
    *,
    path: str,
    container: str,
    stream: int,
    size_px: tuple[int, int],
    times_pts: Sequence[int],
    decode_all: bool,
) -> dict[str, Any]:
    """Send, in gray (limited range), the keyframe at or before each time where the file can be searched, or
    with `decode_all` the first frame at or after each."""
    opened = functools.partial(open_decoder, path, container, limits, "video", stream)
    video, _ = opened()
    scaler = Scaler(size_px, "{}:out_range=limited,format=gray", time_base(video))
    for frame in _frames(opened, times_pts) if decode_all else _keyframes(opened, times_pts):
        sender.send({"kind": "sample", "s": 0.0}, scaler(frame))
    return {}


def _keyframes(opened: Callable[..., tuple[Any, Decoder]], times_pts: Sequence[int]) -> Iterator[VideoFrame]:
    for time_pts in times_pts:
        _, decoder = opened(lambda _, time_pts=time_pts: time_pts)
        frame = next(iter(decoder), None)
        if frame is not None:
            yield frame


def _frames(opened: Callable[..., tuple[Any, Decoder]], times_pts: Sequence[int]) -> Iterator[VideoFrame]:
    waiting = sorted(times_pts)
    clock = Clock()
    _, decoder = opened()
    for frame in decoder:
        pts = clock(frame)
        if pts >= waiting[0]:
            waiting = [each for each in waiting if each > pts]
            yield frame
        if not waiting:
            return

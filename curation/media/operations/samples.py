"""Decodes single frames from all over a video stream, at full size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from av.video.frame import VideoFrame

from curation.media.operations.decoding import Clock, Decoder, open_decoder
from curation.media.operations.opening import time_base
from curation.media.operations.pictures import Scaler
from curation.media.wire import Sender

_SKIPPED_PER_MESSAGE = 64
_Step: TypeAlias = tuple[int, VideoFrame | None]


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
    """Send, in gray (0..255), the keyframe at or before each time where the file can be searched, or
    with `decode_all` the first frame at or after each."""
    opened = functools.partial(open_decoder, path, container, limits, "video", stream)
    video, _ = opened()
    unit_s = time_base(video)
    scaler = Scaler(size_px, "{}:out_range=full,format=gray", unit_s)
    for progress_pts, frame in _frames(opened, times_pts) if decode_all else _keyframes(opened, times_pts):
        progress_s = float(progress_pts * unit_s)
        if frame is not None:
            sender.send({"kind": "sample", "s": progress_s}, scaler(frame))
        else:
            sender.send({"kind": "progress", "s": progress_s})
        sender.flush()
    return {}


def _keyframes(opened: Callable[..., tuple[Any, Decoder]], times_pts: Sequence[int]) -> Iterator[_Step]:
    """How far the times have been gone through, and what was found at each."""
    for time_pts in times_pts:
        _, decoder = opened(lambda _, time_pts=time_pts: time_pts)
        yield max(0, time_pts - times_pts[0]), next(iter(decoder), None)


def _frames(opened: Callable[..., tuple[Any, Decoder]], times_pts: Sequence[int]) -> Iterator[_Step]:
    """How far the stream has been decoded, and the frames looked for, with None in between now and then."""
    waiting = sorted(times_pts)
    clock = Clock()
    first_pts: int | None = None
    _, decoder = opened()
    for frame in decoder:
        pts = clock(frame)
        first_pts = pts if first_pts is None else first_pts
        if pts >= waiting[0]:
            waiting = [each for each in waiting if each > pts]
            yield pts - first_pts, frame
        elif decoder.frames % _SKIPPED_PER_MESSAGE == 0:
            yield pts - first_pts, None
        if not waiting:
            return

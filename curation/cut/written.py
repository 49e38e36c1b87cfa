"""Reads back what a cut wrote: our own bytes, so in process."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class WrittenVideo:
    """A video file: presentation times of its frames from 0, in pts of the source, and which of them are
    keyframes."""

    path: Path
    frame_pts: tuple[int, ...]
    keyframes: tuple[int, ...]


def read_video(path: Path, time_base: Fraction) -> WrittenVideo:
    """The frames of a video, from its packets; none where nothing was written. `time_base` is seconds per
    pts of the source."""
    import av

    with av.open(str(path), format="mp4") as media:
        if not media.streams.video:
            return WrittenVideo(path, (), ())
        stream = media.streams.video[0]
        unit = stream.time_base
        assert unit is not None, "mp4 always has a timescale"
        packets = sorted(
            (packet.pts, packet.is_keyframe) for packet in media.demux(stream) if packet.pts is not None
        )
    return WrittenVideo(
        path=path,
        frame_pts=tuple(int(pts * unit / time_base) for pts, _ in packets),
        keyframes=tuple(index for index, (_, key) in enumerate(packets) if key),
    )

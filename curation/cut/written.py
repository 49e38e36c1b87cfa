"""Reads back what a cut wrote: our own bytes, so in process."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path


@dataclass(frozen=True)
class WrittenVideo:
    """An encoded form: presentation times of its frames from 0, in pts of the source, and which of them
    are keyframes."""

    frame_pts: tuple[int, ...]
    keyframes: tuple[int, ...]


def read_video(path: Path, time_base: Fraction) -> WrittenVideo:
    """The frames of a form, from its packets; none where nothing was encoded. `time_base` is seconds per pts
    of the source."""
    import av

    with av.open(str(path), format="mp4") as media:
        if not media.streams.video:
            return WrittenVideo((), ())
        stream = media.streams.video[0]
        unit = stream.time_base
        assert unit is not None, "mp4 always has a timescale"
        packets = sorted(
            (packet.pts, packet.is_keyframe) for packet in media.demux(stream) if packet.pts is not None
        )
    return WrittenVideo(
        frame_pts=tuple(int(pts * unit / time_base) for pts, _ in packets),
        keyframes=tuple(index for index, (_, key) in enumerate(packets) if key),
    )


def count_samples(path: Path) -> int:
    """Samples of a FLAC file, from its STREAMINFO block (RFC 9639, section 8.2); 0 for an empty file."""
    with open(path, "rb") as file:
        head = file.read(26)
    if len(head) < 26:
        return 0
    return int.from_bytes(head[21:26], "big") & ((1 << 36) - 1)

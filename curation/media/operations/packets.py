"""Lists the packets of a stream without decoding them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.media.operations.opening import PacketReader, open_media, stream_of, time_base
from curation.media.wire import Sender

_LONGEST_REORDERING_S = 10


def run(
    sender: Sender,
    limits: Mapping[str, Any],
    *,
    path: str,
    container: str,
    stream: int,
    start_pts: int,
    end_pts: int,
) -> dict[str, Any]:
    """Send packets in the order of the file, from a keyframe at or before `start_pts` if the file can be
    searched, else from its beginning, until none that follows can be shown before `end_pts`."""
    media = open_media(path, container, limits)
    video = stream_of(media, stream, "video")
    reader = PacketReader(media, video)
    if not reader.seek(start_pts):
        media = open_media(path, container, limits)
        video = stream_of(media, stream, "video")
        reader = PacketReader(media, video)
    longest_wait = int(_LONGEST_REORDERING_S / time_base(video))
    first_pts: int | None = None
    progress_s = 0.0
    for packet in reader:
        if not packet.size:
            continue
        pts, dts = packet.pts, packet.dts
        if pts is not None:
            first_pts = pts if first_pts is None else first_pts
            progress_s = max(progress_s, float((pts - first_pts) * time_base(video)))
        if (dts is not None and dts >= end_pts) or (pts is not None and pts - longest_wait >= end_pts):
            break
        sender.send({"kind": "packet", "pts": pts, "key": packet.is_keyframe, "s": progress_s})
    return {"damage": reader.failure}

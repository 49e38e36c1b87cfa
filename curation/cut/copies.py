"""Stream copies: which of the source's packets a clip can be made of, and the command that copies them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from curation.cut.rules import Span
from curation.cut.source import SourceFile
from curation.media.checked import MAX_PTS
from curation.media.cutting import MediaPacket
from curation.media.ffmpeg import seek_arguments
from curation.media.sandbox import input_arguments

COPIED_CODECS = frozenset({"av1", "h264", "hevc", "mpeg4", "vp9"})
"""Codecs that an mp4 in a shard may hold."""


@dataclass(frozen=True)
class PacketCopy:
    """Packets of the source that can be shown by themselves: the stretch that they cover, and their pts in
    order of time."""

    span: Span
    frame_pts: tuple[int, ...]


class PacketList:
    """Packets of a stream in the order of the file, looked up by stretches of time."""

    def __init__(self, packets: Sequence[MediaPacket]) -> None:
        self._packets = packets
        self._latest = list(accumulate((_or(packet.pts, -MAX_PTS) for packet in packets), max))
        earliest = accumulate((_or(packet.pts, MAX_PTS) for packet in reversed(packets)), min)
        self._earliest = list(earliest)[::-1]

    def around(self, span: Span) -> Sequence[MediaPacket]:
        """From the first packet that is not shown before a span to the last that is not shown after it, with
        those beside them that have no times."""
        first = bisect_left(self._latest, span.start_pts)
        end = bisect_left(self._earliest, span.end_pts)
        while first > 0 and self._packets[first - 1].pts is None:
            first -= 1
        while end < len(self._packets) and self._packets[end].pts is None:
            end += 1
        return self._packets[first:end]


def choose_copy(packets: Sequence[MediaPacket], span: Span) -> PacketCopy | None:
    """The longest run of packets (in the order of the file) within a span that can be shown by itself; None
    where there is no keyframe in it, or times are missing. `packets` are at least those around the span.

    It begins at the first keyframe and leaves out pictures that follow it in the file but are shown before
    it, for they refer to what was before. It ends where whatever follows in the file is shown later than all
    of it, so that it has no gap and refers to nothing that is left out.
    """
    begin = next((at for at, packet in enumerate(packets) if packet.key and _within(packet, span)), None)
    if begin is None or any(packet.pts is None for packet in packets[begin:]):
        return None
    start_pts = _pts(packets[begin])
    if any(packet.pts is None or packet.pts >= start_pts for packet in packets[:begin]):
        return None
    shown = [pts for pts in map(_pts, packets[begin:]) if pts >= start_pts]
    count = _longest_closed(shown, span.end_pts)
    if not count:
        return None
    end_pts = min([span.end_pts, *shown[count:]])
    return PacketCopy(Span(start_pts, end_pts), tuple(sorted(shown[:count])))


def _longest_closed(shown: Sequence[int], end_pts: int) -> int:
    """Length of the longest prefix whose pts are all below `end_pts` and below those of the rest."""
    first_of_rest = [0] * len(shown) + [end_pts]
    for at in reversed(range(len(shown))):
        first_of_rest[at] = min(shown[at], first_of_rest[at + 1])
    last, longest = shown[0], 0
    for count, pts in enumerate(shown, start=1):
        last = max(last, pts)
        if last < first_of_rest[count]:
            longest = count
    return longest


def copy_command(source: SourceFile, copy: PacketCopy, path: Path) -> list[str]:
    """Arguments that copy packets to a file, with pts from 0.

    With `-copyts` pts are those of the file, whatever its start time; the seek before is a hint that only
    saves reading.
    """
    import ffmpeg

    first, last = copy.frame_pts[0], copy.frame_pts[-1]
    by = f"-{first}" if first >= 0 else f"+{-first}"
    end_s = float(copy.span.end_pts * source.time_base)
    output = ffmpeg.input("source")[str(source.record.video.index)].output(
        f"file:{path}",
        format="mp4",
        vcodec="copy",
        **{"bsf:v": f"noise=amount=0:drop=lt(pts\\,{first})+gt(pts\\,{last}),setts=pts=PTS{by}:dts=DTS{by}"},
        **({"to": f"{end_s:.6f}"} if end_s > 0 else {}),
        video_track_timescale=source.time_base.denominator,
        movflags="+faststart",
        fflags="+bitexact",
        map_metadata=-1,
        map_chapters=-1,
    )
    stand_in = ["-i", "source"]
    arguments: list[str] = output.get_args()
    assert arguments[: len(stand_in)] == stand_in, "ffmpeg-python puts its only input first"
    opening = input_arguments(source.path, source.record.container, source.limits)
    return ["-copyts", *seek_arguments(source.seek_s(first)), *opening, *arguments[len(stand_in) :]]


def _or(pts: int | None, instead: int) -> int:
    return instead if pts is None else pts


def _pts(packet: MediaPacket) -> int:
    assert packet.pts is not None, "packets without a time are refused before"
    return packet.pts


def _within(packet: MediaPacket, span: Span) -> bool:
    return packet.pts is not None and span.start_pts <= packet.pts < span.end_pts

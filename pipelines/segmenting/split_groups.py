"""Which clips of a file are written in one decode, so that all cores are busy. Nothing here touches media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from curation.cut.rules import Span

_GROUP_CLIPS = 1
"""ffmpeg can stall where several outputs of one process end at different times, so each has its own."""
_LEAST_FRAMES = 240
"""Frames of a group below which starting ffmpeg and seeking would cost more than one gains."""
_GROUPS_PER_CORE = 4
_ENCODER_BYTES_PER_PIXEL = 100
"""What x264 takes with two threads, and the frames that wait for it."""
_GROUP_BYTES = 768 << 20
"""Memory that the encoders of a group may take, all of which ffmpeg keeps to the end."""


@dataclass(frozen=True)
class SplitClip:
    """A clip to write: where it lies, the frames that the detector counted in it, the first as the detector
    saw it (RGB bytes of [27, 48, 3]), and its file."""

    span: Span
    num_frames: int
    first_image: bytes
    path: Path


@dataclass(frozen=True)
class SplitGroup:
    """Neighbouring clips that are written in one decode, by encoders of so many threads."""

    clips: tuple[SplitClip, ...]
    threads: int

    @property
    def num_frames(self) -> int:
        """Frames to write."""
        return sum(clip.num_frames for clip in self.clips)


def grouped(clips: Sequence[SplitClip], *, max_gap_pts: int, num_pixels: int, cores: int) -> list[SplitGroup]:
    """Groups of about equal length, the longest first.

    Neighbours have less than `max_gap_pts` between them. A group that alone would take longer than all cores
    need together gets as many threads.
    """
    total = sum(clip.num_frames for clip in clips)
    enough = max(_LEAST_FRAMES, total // (cores * _GROUPS_PER_CORE))
    most = max(1, min(_GROUP_CLIPS, _GROUP_BYTES // (num_pixels * _ENCODER_BYTES_PER_PIXEL)))
    groups: list[list[SplitClip]] = [[clip] for clip in clips[:1]]
    for before, clip in pairwise(clips):
        last = groups[-1]
        is_near = clip.span.start_pts - before.span.end_pts < max_gap_pts
        if is_near and len(last) < most and sum(each.num_frames for each in last) < enough:
            last.append(clip)
        else:
            groups.append([clip])
    result = [
        SplitGroup(tuple(group), cores if cores * sum(each.num_frames for each in group) > total else 1)
        for group in groups
    ]
    return sorted(result, key=lambda group: -group.num_frames)

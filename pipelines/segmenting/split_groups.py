"""Which clips of a file are written by one process, all cores busy. Nothing here touches media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.cut.rules import Span


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
    """Clips that are written in one decode, by encoders of so many threads."""

    clips: tuple[SplitClip, ...]
    threads: int

    @property
    def num_frames(self) -> int:
        """Frames to write."""
        return sum(clip.num_frames for clip in self.clips)


def grouped(clips: Sequence[SplitClip], *, cores: int) -> list[SplitGroup]:
    """Groups of one clip each, the longest first.

    ffmpeg can stall where several outputs of one process end at different times. A clip that alone would take
    longer than all cores need together gets as many threads.
    """
    total = sum(clip.num_frames for clip in clips)
    groups = [SplitGroup((clip,), cores if cores * clip.num_frames > total else 1) for clip in clips]
    return sorted(groups, key=lambda group: -group.num_frames)

"""Which clips a frame belongs to, without a look at all of them for every frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any


class WindowClip:
    """A clip whose frames are coming in."""

    def __init__(self, number: int, clip: Mapping[str, Any]) -> None:
        self.number = number
        self.start_pts: int = clip["start_pts"]
        self.end_pts: int = clip["end_pts"]
        self._stills = sorted(self.start_pts + target for target in clip["stills"])
        self._passed: int | None = None

    def wants_still(self, pts: int) -> bool:
        """Whether the next frame, at `pts`, is the first, or the first at or after one of the times to look
        at."""
        passed = bisect_right(self._stills, pts)
        wanted = passed != self._passed
        self._passed = passed
        return wanted


class ClipWindow:
    """The clips that have begun and not ended, for frames in order of time; clips may overlap."""

    def __init__(self, clips: Sequence[Mapping[str, Any]]) -> None:
        each = (WindowClip(number, clip) for number, clip in enumerate(clips))
        self._waiting = sorted(each, key=lambda clip: (clip.start_pts, clip.number), reverse=True)
        self._open: list[WindowClip] = []

    def at(self, pts: int) -> list[WindowClip]:
        """The clips that a frame belongs to, in the order in which they were given."""
        while self._waiting and self._waiting[-1].start_pts <= pts:
            self._open.append(self._waiting.pop())
        self._open = [clip for clip in self._open if pts < clip.end_pts]
        return sorted(self._open, key=lambda clip: clip.number)

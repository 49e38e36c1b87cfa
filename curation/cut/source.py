"""A source on this machine, as the commands of a cut open it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from curation.media.limits import DecodeLimits
from curation.records import SourceVideo

_INDEXED_CONTAINERS = frozenset({"mov", "matroska"})
_INDEXED_MARGIN_S = 2.0
_OTHER_MARGIN_S = 15.0
"""How far ahead of the first frame to seek. Without an index of keyframes a seek lands anywhere, and the
decoder must meet a keyframe before the first frame that is wanted."""


@dataclass(frozen=True)
class SourceFile:
    """What the probe knows of a source, and where its bytes are."""

    record: SourceVideo
    path: Path
    limits: DecodeLimits

    @property
    def time_base(self) -> Fraction:
        """Seconds per pts of the video stream."""
        return Fraction(self.record.video.time_base)

    @property
    def start_s(self) -> float:
        """Where the video stream begins, in seconds of its own clock."""
        return float(self.record.video.start_pts * self.time_base)

    @property
    def has_index(self) -> bool:
        """Whether the container lists its keyframes and gives every frame its time."""
        return self.record.container in _INDEXED_CONTAINERS

    @property
    def _margin_s(self) -> float:
        return _INDEXED_MARGIN_S if self.has_index else _OTHER_MARGIN_S

    @property
    def max_gap_pts(self) -> int:
        """A gap between clips from which on a new seek costs less than to decode it."""
        return int(2 * self._margin_s / self.time_base)

    def seek_s(self, pts: int) -> float | None:
        """Where to seek for a frame, in seconds; None where reading from the start is as good."""
        target_s = float(pts * self.time_base) - self._margin_s
        return target_s if target_s > self.start_s else None

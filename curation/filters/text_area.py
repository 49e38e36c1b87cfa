"""How much of the picture is covered by text laid over it."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig, FilterStage
from curation.filters.frames import evenly
from curation.records import CutClip, Frame

NUM_PAIRS = 3


class TextAreaConfig(FilterConfig):
    """Share of the picture covered by lines of text that stay where they are, averaged over the clip."""

    min: float | None = Field(None, ge=0, le=1, description="Smallest share of the picture under text")
    max: float | None = Field(0.25, ge=0, le=1, description="Largest share of the picture under text")


class TextAreaFilter(FilterStage):
    """Mean share of the picture under lines of text that stand still from a kept frame to the next.

    Up to three pairs of neighbouring frames are looked at. Text laid over a picture does not move with the
    scene; before a fixed camera a sign does not either, and counts.
    """

    name: ClassVar[str] = "filter_text_area"
    version: ClassVar[str] = "1"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "opencv-python-headless")

    config: TextAreaConfig

    def setup(self) -> None:
        """Import OpenCV, on one thread."""
        import cv2

        from curation.filters.measures import pictures, text_rows

        cv2.setNumThreads(1)
        self._still_picture = pictures.still_picture
        self._text_rows = text_rows.text_rows
        self._covered_share = text_rows.covered_share

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float]:
        """Share of the picture, 0..1; 0 for a clip without kept frames."""
        for clip in clips:
            pairs = list(itertools.pairwise(clip.frames)) or [(frame, frame) for frame in clip.frames]
            shares = [self._share(*pair) for pair in evenly(pairs, NUM_PAIRS)]
            yield statistics.fmean(shares) if shares else 0.0

    def _share(self, first: Frame, second: Frame) -> float:
        before, after = (self._still_picture(self._media.read(frame.media)) for frame in (first, second))
        return self._covered_share(self._text_rows(before, after))

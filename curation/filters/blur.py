"""How blurred a clip's picture is where it is sharpest."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig, FilterStage
from curation.filters.frames import evenly
from curation.records import CutClip

NUM_FRAMES = 5
NO_DETAIL = 100.0
"""Score of a clip whose frames have no edge at all: no blur that can be measured is as large."""


class BlurConfig(FilterConfig):
    """Blur of the finest edges of the kept frames, as the sigma of a Gaussian in thousandths of the short
    side; a clip without any edge scores 100."""

    min: float | None = Field(
        None, ge=0, le=NO_DETAIL, description="Least blur, in thousandths of the frame's short side"
    )
    max: float | None = Field(
        None, ge=0, le=NO_DETAIL, description="Most blur, in thousandths of the frame's short side"
    )


class BlurFilter(FilterStage):
    """Median over up to five of the frames kept for captioners of how far their finest edges are blurred.

    The variance of the Laplacian over the energy of the gradient: it follows neither contrast nor the number
    of edges, and is given by the size of the frame.
    """

    name: ClassVar[str] = "filter_blur"
    version: ClassVar[str] = "1"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "opencv-python-headless")

    config: BlurConfig

    def setup(self) -> None:
        """Import OpenCV, on one thread."""
        import cv2

        from curation.filters.measures import edge_blur, pictures

        cv2.setNumThreads(1)
        self._blur_share = edge_blur.blur_share
        self._still_picture = pictures.still_picture

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float]:
        """Thousandths of the short side."""
        for clip in clips:
            stills = evenly(clip.frames, NUM_FRAMES)
            found = [self._blur_share(self._still_picture(self._media.read(each.media))) for each in stills]
            known = [1000 * share for share in found if share is not None]
            yield min(NO_DETAIL, statistics.median(known)) if known else NO_DETAIL

"""How much moves in a clip, camera and subjects alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig
from curation.filters.lapse import LapseFilter

if TYPE_CHECKING:
    from curation.filters.measures.time_lapse import TimeLapse


class MotionConfig(FilterConfig):
    """Mean size of the optical flow, camera and subjects alike, in frame diagonals per second."""

    min: float | None = Field(None, ge=0, description="Least motion, in frame diagonals per second")
    max: float | None = Field(None, ge=0, description="Most motion, in frame diagonals per second")


class MotionFilter(LapseFilter):
    """Mean size of the optical flow between pictures 1/8 s apart, whatever the frame rate and the size."""

    name: ClassVar[str] = "filter_motion"
    version: ClassVar[str] = "1"

    config: MotionConfig

    def part(self, lapse: TimeLapse) -> float:
        """Frame diagonals per second."""
        return lapse.motion_per_s

"""For how much of a clip nothing moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig
from curation.filters.lapse import LapseFilter

if TYPE_CHECKING:
    from curation.filters.measures.time_lapse import TimeLapse


class StaticConfig(FilterConfig):
    """Share of the time in which nothing changes but noise; 1 is a still picture."""

    min: float | None = Field(None, ge=0, le=1, description="Least share of the time without change")
    max: float | None = Field(None, ge=0, le=1, description="Largest share of the time without change")


class StaticFilter(LapseFilter):
    """Share of the clip's time in which pictures 1/8 s apart are the same but for noise."""

    name: ClassVar[str] = "filter_static"
    version: ClassVar[str] = "1"

    config: StaticConfig

    def part(self, lapse: TimeLapse) -> float:
        """Share of the time, 0..1."""
        return lapse.still_share

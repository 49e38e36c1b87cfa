"""How much of the picture is black bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig
from curation.filters.lapse import LapseFilter

if TYPE_CHECKING:
    from curation.filters.measures.time_lapse import TimeLapse


class LetterboxConfig(FilterConfig):
    """Share of the picture that black bars at its sides take, the same in all frames."""

    min: float | None = Field(None, ge=0, le=1, description="Smallest share of the picture in black bars")
    max: float | None = Field(0.6, ge=0, le=1, description="Largest share of the picture in black bars")


class LetterboxFilter(LapseFilter):
    """Share of the picture in bars that are black in every picture looked at; 1 where all is black."""

    name: ClassVar[str] = "filter_letterbox"
    version: ClassVar[str] = "1"

    config: LetterboxConfig

    def part(self, lapse: TimeLapse) -> float:
        """Share of the picture, 0..1."""
        return lapse.bars_share

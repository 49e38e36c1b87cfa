"""What the filters share that look at a time-lapse of the clip's mp4."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from curation.base.workspace import Workspace
from curation.filters.base import FilterConfig, FilterStage
from curation.media.clip_videos import ClipVideos
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.media.sandbox import DecodeError
from curation.records import CutClip

if TYPE_CHECKING:
    from curation.filters.measures.time_lapse import TimeLapse


class LapseFilter(FilterStage):
    """A filter on pictures of the mp4 that are 1/8 s apart. Filters that share a process decode a clip
    once."""

    packages: ClassVar[tuple[str, ...]] = ("av", "numpy", "opencv-python-headless")

    def __init__(
        self, config: FilterConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
    ) -> None:
        super().__init__(config, workspace)
        self._videos = ClipVideos(workspace.media, workspace.scratch, limits)

    def setup(self) -> None:
        """Import OpenCV and PyAV."""
        from curation.filters.measures.time_lapse import time_lapse

        self._time_lapse = time_lapse

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float | DecodeError]:
        """The filter's part of each clip's time-lapse."""
        for clip in clips:
            try:
                yield self.part(self._time_lapse(self._videos, clip))
            except DecodeError as error:
                yield error

    @abstractmethod
    def part(self, lapse: TimeLapse) -> float:
        """What this filter takes from a time-lapse."""

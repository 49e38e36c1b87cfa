"""What the filters share that ask a model about a clip's kept frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from pydantic import Field

from curation.base.stages import Resources
from curation.base.workspace import Workspace
from curation.filters.base import FilterConfig, FilterStage
from curation.filters.classifier import Picture
from curation.filters.frames import evenly
from curation.records import CutClip


class ModelFilterConfig(FilterConfig):
    """What filters share that ask a model."""

    num_frames: int = Field(
        4, ge=1, le=256, description="Kept frames of a clip that the model sees, spread evenly"
    )

    @property
    def device(self) -> str:
        """Where the model computes."""
        raise NotImplementedError


class ModelFilter(FilterStage):
    """A filter that rates frames by a model and sums up the ratings of each clip."""

    resources: ClassVar[Resources] = Resources(cpus=1.0, memory_bytes=4 << 30, batch_size=16)

    config: ModelFilterConfig

    def __init__(self, config: ModelFilterConfig, workspace: Workspace) -> None:
        super().__init__(config, workspace)
        if config.device.startswith("cuda"):
            self.resources = Resources(  # type: ignore[misc]  # the runner asks the instance
                cpus=1.0, gpus=1.0, memory_bytes=4 << 30, batch_size=16
            )

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float]:
        """The ratings of the clips' frames, made in one go and summed up by clip."""
        pictures = [self._pictures(clip) for clip in clips]
        ratings = iter(self.rated([picture for own in pictures for picture in own]))
        for own in pictures:
            yield self.summed([next(ratings) for _ in own])

    @abstractmethod
    def rated(self, pictures: Sequence[Picture]) -> Sequence[float]:
        """A number for each RGB picture [H, W, 3]."""

    @abstractmethod
    def summed(self, ratings: Sequence[float]) -> float:
        """What the ratings of a clip's frames, at least one, come to."""

    def _pictures(self, clip: CutClip) -> list[Picture]:
        if not clip.frames:
            raise ValueError(f"clip {clip.clip_id} has no kept frames for {self.name}: cut it again")
        return [_rgb(self._media.read(frame.media)) for frame in evenly(clip.frames, self.config.num_frames)]


def _rgb(jpeg: bytes) -> Any:
    import cv2

    from curation.filters.measures.pictures import still_picture

    return cv2.cvtColor(still_picture(jpeg), cv2.COLOR_BGR2RGB)

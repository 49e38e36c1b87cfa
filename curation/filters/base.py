"""What all filters share: a range of scores that pass, and the way from a clip to its score."""

from __future__ import annotations

import importlib.metadata
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from pydantic import model_validator

from curation.base.config import Config
from curation.base.records import round_score
from curation.base.rejects import Rejected
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.media.clip_videos import undecodable
from curation.media.sandbox import DecodeError
from curation.records import CutClip, Score

PREFIX = "filter_"


class FilterConfig(Config):
    """The range of scores that pass, both ends included; None sets no limit, so that the filter measures
    only."""

    min: float | None
    max: float | None

    @model_validator(mode="after")
    def _ordered(self) -> FilterConfig:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(
                f"min = {self.min:g} is above max = {self.max:g}, so that no clip could pass. Swap them, or "
                "leave one out."
            )
        return self

    def admits(self, value: float) -> bool:
        """Whether a score lies within the range."""
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


class FilterStage(Map[CutClip, Score]):
    """Measures one thing of every clip. A clip outside the range gets its score too: `Admit` rejects it.

    Subclasses set `name` (`filter_` and the key of their section of the configuration), `version` and
    `packages`, the libraries whose versions shape the score.
    """

    input: ClassVar[type[CutClip]] = CutClip
    output: ClassVar[type[Score]] = Score
    packages: ClassVar[tuple[str, ...]] = ()

    config: FilterConfig

    def __init__(self, config: FilterConfig, workspace: Workspace) -> None:
        self.config = config
        self._media = workspace.media

    @property
    def filter(self) -> str:
        """The name of the filter: the key of its section in `curation.filters`."""
        return self.name.removeprefix(PREFIX)

    def fingerprints(self) -> Mapping[str, str]:
        """The libraries that decode and measure."""
        return {package: importlib.metadata.version(package) for package in self.packages}

    @abstractmethod
    def measured(self, clips: Sequence[CutClip]) -> Iterator[float | DecodeError]:
        """The value of each clip, in their order; an error for one whose media cannot be decoded."""

    def __call__(self, batch: Sequence[CutClip]) -> Iterator[Score | Rejected]:
        """Yield one score per clip, a reject for one whose media cannot be decoded.

        Raises:
            ValueError: a value is no finite number (a model that is broken).
        """
        for clip, measured in zip(batch, self.measured(batch), strict=True):
            if isinstance(measured, DecodeError):
                yield undecodable(self.name, clip, measured)
                continue
            if not math.isfinite(measured):
                raise ValueError(f"{self.name} measured {measured} of clip {clip.clip_id}, not a number")
            value = round_score(measured)
            yield Score(
                clip_id=clip.clip_id, filter=self.filter, value=value, passes=self.config.admits(value)
            )

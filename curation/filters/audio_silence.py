"""For how much of a clip nothing is to be heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from curation.filters.base import FilterConfig, FilterStage
from curation.records import CutClip


class AudioSilenceConfig(FilterConfig):
    """Share of the clip without sound, or with sound below a level; 1 where there is no sound track."""

    min: float | None = Field(None, ge=0, le=1, description="Smallest share of the clip in silence")
    max: float | None = Field(None, ge=0, le=1, description="Largest share of the clip in silence")
    level_dbfs: float = Field(
        -55.0,
        ge=-96,
        le=0,
        description="Level (root mean square over 50 ms) below which sound is silence, in dBFS",
    )


class AudioSilenceFilter(FilterStage):
    """Share of the clip's length that is not filled with audible sound."""

    name: ClassVar[str] = "filter_audio_silence"
    version: ClassVar[str] = "1"
    packages: ClassVar[tuple[str, ...]] = ("av", "numpy")

    config: AudioSilenceConfig

    def setup(self) -> None:
        """Import PyAV."""
        from curation.filters.measures import sound

        self._heard_s = sound.heard_s

    def measured(self, clips: Sequence[CutClip]) -> Iterator[float]:
        """Share of the clip, 0..1."""
        for clip in clips:
            if clip.audio is None:
                yield 1.0
            else:
                heard_s = self._heard_s(self._media.read(clip.audio), self.config.level_dbfs)
                yield max(0.0, 1.0 - heard_s / clip.duration_s)

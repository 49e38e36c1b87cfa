"""Which filters there are, and what each lets through."""

from __future__ import annotations

from pydantic import Field

from curation.base.config import Config
from curation.filters.aesthetics import AestheticsConfig
from curation.filters.audio_silence import AudioSilenceConfig
from curation.filters.base import FilterConfig
from curation.filters.blur import BlurConfig
from curation.filters.letterbox import LetterboxConfig
from curation.filters.motion import MotionConfig
from curation.filters.safety import SafetyConfig
from curation.filters.static import StaticConfig
from curation.filters.text_area import TextAreaConfig


class FiltersConfig(Config):
    """The quality filters. Each measures every clip and keeps the score; null leaves a filter out."""

    motion: MotionConfig | None = Field(MotionConfig(), description="How much moves.")
    static: StaticConfig | None = Field(StaticConfig(), description="For how long nothing moves.")
    blur: BlurConfig | None = Field(BlurConfig(), description="How blurred the picture is.")
    letterbox: LetterboxConfig | None = Field(LetterboxConfig(), description="Black bars.")
    text_area: TextAreaConfig | None = Field(TextAreaConfig(), description="Text laid over the picture.")
    audio_silence: AudioSilenceConfig | None = Field(
        AudioSilenceConfig(), description="For how long nothing is to be heard."
    )
    aesthetics: AestheticsConfig | None = Field(
        None, description="How people would like the picture, by a model; default: not measured."
    )
    safety: SafetyConfig | None = Field(
        None, description="Whether the picture is unsafe, by a model; default: not measured."
    )

    def chosen(self) -> dict[str, FilterConfig]:
        """The sections of the filters in use by their keys, in order."""
        sections = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: section for name, section in sections.items() if section is not None}

"""The stages of a configuration: one per filter in use."""

from __future__ import annotations

from collections.abc import Mapping

from curation.base.workspace import Workspace
from curation.filters.aesthetics import AestheticsFilter
from curation.filters.audio_silence import AudioSilenceFilter
from curation.filters.base import FilterConfig, FilterStage
from curation.filters.blur import BlurFilter
from curation.filters.config import FiltersConfig
from curation.filters.lapse import LapseFilter
from curation.filters.letterbox import LetterboxFilter
from curation.filters.motion import MotionFilter
from curation.filters.safety import SafetyFilter
from curation.filters.static import StaticFilter
from curation.filters.text_area import TextAreaFilter
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits

_STAGES: Mapping[str, type[FilterStage]] = {
    "motion": MotionFilter,
    "static": StaticFilter,
    "blur": BlurFilter,
    "letterbox": LetterboxFilter,
    "text_area": TextAreaFilter,
    "audio_silence": AudioSilenceFilter,
    "aesthetics": AestheticsFilter,
    "safety": SafetyFilter,
}


def filter_stages(
    config: FiltersConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
) -> list[FilterStage]:
    """One stage per filter in use, in the order of the configuration."""
    return [_stage(_STAGES[name], section, workspace, limits) for name, section in config.chosen().items()]


def _stage(
    kind: type[FilterStage], config: FilterConfig, workspace: Workspace, limits: DecodeLimits
) -> FilterStage:
    return kind(config, workspace, limits) if issubclass(kind, LapseFilter) else kind(config, workspace)

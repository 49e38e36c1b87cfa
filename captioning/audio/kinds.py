"""The audio captioners by kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from captioning.audio.alm import AlmCaptioner, AlmConfig
from captioning.audio.measured import MeasuredAudioCaptioner, MeasuredAudioConfig
from captioning.records import Caption
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.records import Clip

AudioConfig = Annotated[MeasuredAudioConfig | AlmConfig, Field(discriminator="kind")]


def audio_captioner(config: AudioConfig, workspace: Workspace) -> Map[Clip, Caption]:
    """The captioner that a config calls for; `setup` loads what it needs."""
    match config:
        case MeasuredAudioConfig():
            return MeasuredAudioCaptioner(config, workspace)
        case AlmConfig():
            return AlmCaptioner(config, workspace)

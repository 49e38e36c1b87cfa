"""The video captioners by kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from captioning.records import Caption
from captioning.video.frame_by_frame import FrameByFrameCaptioner, FrameByFrameConfig
from captioning.video.measured import MeasuredVideoCaptioner, MeasuredVideoConfig
from captioning.video.vlm import VlmCaptioner, VlmConfig
from curation.base.stages import Map
from curation.base.workspace import Workspace
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits
from curation.records import Clip

VideoConfig = Annotated[MeasuredVideoConfig | VlmConfig | FrameByFrameConfig, Field(discriminator="kind")]


def video_captioner(
    config: VideoConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS
) -> Map[Clip, Caption]:
    """The captioner that a config calls for; `setup` loads what it needs."""
    match config:
        case MeasuredVideoConfig():
            return MeasuredVideoCaptioner(config, workspace, limits)
        case VlmConfig():
            return VlmCaptioner(config, workspace)
        case FrameByFrameConfig():
            return FrameByFrameCaptioner(config, workspace)

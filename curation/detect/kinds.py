"""The kinds of shot detectors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from curation.base.workspace import Workspace
from curation.detect.content import ContentDetector, ContentDetectorConfig
from curation.detect.detector import Detector
from curation.detect.loom import LoomConfig, LoomDetector
from curation.detect.official import AutoShotConfig, OfficialDetector, TransNetV2Config
from curation.media.limits import DEFAULT_LIMITS, DecodeLimits

DetectConfig = Annotated[
    LoomConfig | ContentDetectorConfig | AutoShotConfig | TransNetV2Config, Field(discriminator="kind")
]


def detector(config: DetectConfig, workspace: Workspace, limits: DecodeLimits = DEFAULT_LIMITS) -> Detector:
    """The detector that a config calls for; `setup` loads what it needs."""
    match config:
        case LoomConfig():
            return LoomDetector(config, workspace, limits)
        case ContentDetectorConfig():
            return ContentDetector(config, workspace, limits)
        case AutoShotConfig() | TransNetV2Config():
            return OfficialDetector(config, workspace, limits)

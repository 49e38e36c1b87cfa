"""The fusions by kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from captioning.fusion.llm import LlmFusion, LlmFusionConfig
from captioning.fusion.template import TemplateFusion, TemplateFusionConfig
from captioning.records import FusedCaption
from curation.base.stages import Join
from curation.base.workspace import Workspace

AnyFusionConfig = Annotated[TemplateFusionConfig | LlmFusionConfig, Field(discriminator="kind")]


def fusion(config: AnyFusionConfig, workspace: Workspace) -> Join[FusedCaption]:
    """The fusion that a config calls for; `setup` loads what it needs."""
    match config:
        case TemplateFusionConfig():
            return TemplateFusion(config, workspace)
        case LlmFusionConfig():
            return LlmFusion(config, workspace)

"""Which embedder a configuration asks for."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from curation.embedding.base import ImageEmbedder
from curation.embedding.clip_model import ClipModel, ClipModelConfig
from curation.embedding.colours import ColourLayout, ColourLayoutConfig

ImageEmbedderConfig: TypeAlias = Annotated[ColourLayoutConfig | ClipModelConfig, Field(discriminator="kind")]


def image_embedder(config: ColourLayoutConfig | ClipModelConfig) -> ImageEmbedder:
    """The embedder of a configuration; call its `setup` before use."""
    if isinstance(config, ClipModelConfig):
        return ClipModel(config, instead="choose kind: colours")
    return ColourLayout(config)

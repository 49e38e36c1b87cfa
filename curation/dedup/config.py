"""Settings of the search for duplicates; each kind includes the ones before it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from curation.base.config import Config


class ExactDedupConfig(Config):
    """Copies byte for byte."""

    kind: Literal["exact"] = Field("exact", description="Clips whose encoded video is the same byte for byte")


class NearSettings(Config):
    """When two clips look the same."""

    max_distance_bits: float = Field(
        5.0,
        ge=0,
        le=12,
        description="How many of the 64 bits of a frame's hash may differ, on average over the clip; "
        "unrelated frames differ in about 32",
    )
    max_duration_difference: float = Field(
        0.1, ge=0, le=1, description="Difference of durations, at most, as a share of the longer one"
    )
    within_source: bool = Field(
        False,
        description="Whether clips of one source can be duplicates of each other; where a camera stands "
        "still they look the same, whatever is said",
    )


class NearDedupConfig(NearSettings):
    """Also copies that look the same: encoded anew, resized, brighter, under a logo."""

    kind: Literal["near"] = Field("near", description="Also clips whose frames look the same, in order")


class SemanticDedupConfig(NearSettings):
    """Also clips that show the same, as `curation.embed` sees it."""

    kind: Literal["semantic"] = Field("semantic", description="Also clips whose embeddings are alike")
    min_similarity: float = Field(0.97, gt=0, le=1, description="Cosine similarity of embeddings, at least")


DedupConfig: TypeAlias = Annotated[
    ExactDedupConfig | NearDedupConfig | SemanticDedupConfig, Field(discriminator="kind")
]

"""Thresholds of the gates."""

from __future__ import annotations

from pydantic import Field

from captioning.gates.similarity import SimilarityConfig
from curation.base.config import Config


class GatesConfig(Config):
    """What a clip's fullest fused caption must be like for the clip to be packed; null leaves a gate out.
    Every measure is kept, whether or not the clip passes."""

    least_support_rate: float | None = Field(
        None, ge=0, le=1, description="Least share of the first draft's claims that the checks let pass"
    )
    least_coverage: float | None = Field(
        None, ge=0, le=1, description="Least share of the source lines whose facts are in the text"
    )
    most_repetition: float | None = Field(
        0.5, ge=0, le=1, description="Most of the text, as a share of its runs of four words, that repeats"
    )
    least_words: int | None = Field(3, ge=0, le=10_000, description="Fewest words of the text")
    most_words: int | None = Field(None, ge=1, le=100_000, description="Most words of the text")
    languages: tuple[str, ...] | None = Field(
        None, description="Languages that the text may be in, as ISO 639-1 codes, e.g. [en]"
    )
    similarity: SimilarityConfig | None = Field(
        None, description="How alike frames and text must be to a CLIP-type model"
    )

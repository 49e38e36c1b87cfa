"""Settings of the stitching and of the clip rules."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from curation.base.config import Config
from curation.embedding.choice import ImageEmbedderConfig
from curation.embedding.colours import ColourLayoutConfig

MIN_SIMILARITY = {"colours": 0.96, "clip": 0.82}
"""Least similarity of a scene's frames by embedding.

Colours: neighbouring frames of eight single-shot videos are alike by 0.962 or more (a whip pan; the median
is above 0.999), and two videos of different things on one table by at most 0.954. CLIP: the distance of 0.6
between unit vectors that Panda-70M allows (arXiv 2402.19479, `splitting/event_stitching.py`); its model is
another one, so measure yours.
"""


class StitchConfig(Config):
    """Which neighbouring shots become one clip, and which clips are kept."""

    embedding: ImageEmbedderConfig | None = Field(
        ColourLayoutConfig(),
        description="By what the frames on either side of a cut are compared; null joins no shots",
    )
    min_similarity: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Least cosine similarity of the two frames for their shots to be joined; null is what "
        "suits the embedding: 0.96 for colours, 0.82 for clip",
    )
    min_s: float = Field(2.0, ge=0, description="Shortest clip, in seconds; shorter ones are rejected")
    max_s: float = Field(30.0, gt=0, description="Longest clip, in seconds")
    long: Literal["split", "random"] = Field(
        "split",
        description="What becomes of a longer scene: equal pieces, as few as possible (split), or one piece "
        "of max_s at a random place, as for InternVideo2 (random)",
    )
    seed: int = Field(0, ge=0, description="Decides where the random pieces lie")
    min_motion: float = Field(
        0.03,
        ge=0,
        description="Least mean difference (0..255) of neighbouring frames at 25 frames per second; clips "
        "below are still",
    )
    max_motion: float = Field(
        40.0,
        gt=0,
        description="Greatest mean difference (0..255) of neighbouring frames at 25 frames per second; clips "
        "above are extremely dynamic",
    )

    @model_validator(mode="after")
    def _ranges(self) -> StitchConfig:
        if self.max_s < 2 * self.min_s:
            raise ValueError(
                f"max_s = {self.max_s} is less than twice min_s = {self.min_s}: halves of a scene just too "
                f"long would be too short. Set max_s to {2 * self.min_s} or more, or lower min_s."
            )
        if self.max_motion <= self.min_motion:
            raise ValueError(
                f"max_motion = {self.max_motion} is not above min_motion = {self.min_motion}: no clip would "
                "be kept. Raise max_motion or lower min_motion."
            )
        return self

    @property
    def similarity_bound(self) -> float:
        """The least similarity that joins shots."""
        if self.min_similarity is not None:
            return self.min_similarity
        return 1.0 if self.embedding is None else MIN_SIMILARITY[self.embedding.kind]

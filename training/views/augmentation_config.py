"""Settings of crops and flips; apart from `augmentation.py` so that configs load without torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from curation.base.config import Config


class AugmentationConfig(Config):
    """Multi-scale crop and mirror (defaults: InternVideo2's stage 1, `GroupMultiScaleCrop`).

    A crop lies at one of 13 places: the corners, the middles of the sides, the centre, and halfway from it to
    the corners.
    """

    crop_scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0, 0.875, 0.75, 0.66),
        description="Sides of the random crop as shares of data.frame_px, one after the other in size; its "
        "height and its width are drawn from them per view.",
        min_length=1,
    )
    max_aspect_steps: int = Field(
        1,
        description="How far apart in crop_scales height and width of a crop may be; 0: squares only.",
        ge=0,
        le=16,
    )
    flip_probability: float = Field(
        0.5, description="Chance that a view is mirrored; 0 where left and right matter.", ge=0, le=1
    )
    unmirrored_sources: tuple[str, ...] = Field(
        (),
        description="Names in data.mixture whose clips are never mirrored (InternVideo2: "
        "Something-Something, where left and right matter).",
    )
    views_per_clip: int = Field(
        1,
        description="Views made of each decoded clip, each with its own crop and mask (repeated "
        "augmentation); a step then trains on batch_size * views_per_clip rows.",
        ge=1,
        le=64,
    )

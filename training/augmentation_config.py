"""Settings of crops and flips; apart from `augmentation.py` so that configs load without torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from curation.base.config import Config


class AugmentationConfig(Config):
    """Multi-scale crop and mirror (scales: InternVideo2's stage 1, `GroupMultiScaleCrop`)."""

    crop_scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        (1.0, 0.875, 0.75, 0.66),
        description="Sides of the random crop as shares of data.frame_px; one is drawn per clip.",
        min_length=1,
    )
    flip_probability: float = Field(
        0.5, description="Chance that a clip is mirrored; 0 where left and right matter.", ge=0, le=1
    )

"""The objectives that a run can have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from training.objectives.distillation_config import DistillationConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig

ObjectiveConfig = Annotated[MaskedPixelsConfig | DistillationConfig, Field(discriminator="kind")]

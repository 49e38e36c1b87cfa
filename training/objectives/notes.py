"""What a user should know about an objective before training starts (no torch)."""

from __future__ import annotations

from training.models.encoder_config import EncoderConfig
from training.objectives.distillation_config import DistillationConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.views.augmentation_config import AugmentationConfig


def objective_notes(
    config: MaskedPixelsConfig | DistillationConfig,
    encoder: EncoderConfig,
    augmentation: AugmentationConfig,
    num_samples: int,
) -> list[str]:
    """How large the cache of targets will grow, if there is one."""
    if isinstance(config, MaskedPixelsConfig) or config.target_cache is None:
        return []
    per_view = config.kept_bytes(encoder)
    views = config.target_cache.views * augmentation.views_per_clip
    return [
        f"Targets take {per_view / 1e6:.2f} MB a view, {num_samples * views * per_view / 1e9:.3g} GB for "
        f"{num_samples} clips of which {views} views each are kept, in {config.target_cache.folder}."
    ]

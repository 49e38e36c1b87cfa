"""Configs to objectives."""

from __future__ import annotations

from typing import Any

import torch

from training.models.encoder_config import EncoderConfig
from training.objectives.distillation_config import DistillationConfig
from training.objectives.masked_pixels_config import MaskedPixelsConfig
from training.objectives.objective import Objective
from training.views.augmentation_config import AugmentationConfig


def build_objective(
    config: MaskedPixelsConfig | DistillationConfig,
    encoder: EncoderConfig,
    augmentation: AugmentationConfig,
    device: torch.device,
    *,
    on_meta: bool = False,
) -> Objective[Any]:
    """An objective with its model, whose weights torch's generator draws, on a device.

    With `on_meta` the model has no memory and no weights yet: the engine gives it both once it is split.

    Raises:
        ValueError: a teacher's weights cannot be used.
    """
    objective: Objective[Any]
    if isinstance(config, MaskedPixelsConfig):
        from training.objectives.masked_pixels import MaskedPixels

        objective = MaskedPixels(config, encoder, augmentation, device, on_meta=on_meta)
    else:
        from training.objectives.distillation import Distillation

        objective = Distillation(config, encoder, augmentation, device, on_meta=on_meta)
    for name, parameter in objective.model.named_parameters():
        # An image is shown as a clip, so nothing trains these: engines would wait for their gradients.
        if name.endswith("img_pos_embed"):
            parameter.requires_grad_(False)
    return objective

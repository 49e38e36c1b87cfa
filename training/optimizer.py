"""AdamW, its parameter groups, and the learning rate's course."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from curation.base.config import Config

if TYPE_CHECKING:
    from torch import nn, optim

CLIPS_OF_PUBLISHED_RATES = 256
WITHOUT_DECAY = ("pos_embed", "cls_token", "mask_token")
"""How names end of parameters that are no vectors and yet never decay: `pos_embed`, `clip_pos_embed`…"""


class OptimizerConfig(Config):
    """AdamW; defaults are those of VideoMAE, the bound on gradients that of InternVideo2's stage 1."""

    peak_learning_rate: float = Field(1.5e-4, description="Learning rate after warm-up.", gt=0, le=1)
    rates_per_256_clips: bool = Field(
        False,
        description="Learning rates (this one and schedule.final_learning_rate) are for 256 clips per step, "
        "as InternVideo2 and VideoMAE publish them: both are multiplied by batch_size / 256.",
    )
    betas: tuple[float, float] = Field((0.9, 0.95), description="Decay of the two running means.")
    eps: float = Field(1e-8, description="Added to the root of the second running mean.", gt=0, le=1e-2)
    weight_decay: float = Field(
        0.05, description="Decoupled decay of matrices; biases, norms and positions have none.", ge=0, le=1
    )
    max_grad_norm: float = Field(
        3.0, description="Gradients above this norm over all parameters are scaled down to it.", gt=0
    )

    def rate_factor(self, batch_size: int) -> float:
        """What learning rates are multiplied by for steps of `batch_size` clips."""
        return batch_size / CLIPS_OF_PUBLISHED_RATES if self.rates_per_256_clips else 1.0


class ScheduleConfig(Config):
    """Linear warm-up, then half a cosine."""

    warmup_steps: int = Field(0, description="Steps over which the learning rate rises from 0.", ge=0)
    final_learning_rate: float = Field(1e-5, description="Learning rate at the last step.", ge=0, le=1)


def learning_rate(step: int, steps: int, peak: float, schedule: ScheduleConfig) -> float:
    """Learning rate of a step, counted from 1 to `steps`, before `OptimizerConfig.rate_factor`."""
    if step <= schedule.warmup_steps:
        return peak * step / schedule.warmup_steps
    progress = (step - schedule.warmup_steps) / (steps - schedule.warmup_steps)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return schedule.final_learning_rate + (peak - schedule.final_learning_rate) * cosine


def decays(name: str, dimensions: int) -> bool:
    """Whether a parameter of this name has weight decay."""
    return dimensions > 1 and not name.rsplit(".", 1)[-1].endswith(WITHOUT_DECAY)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> optim.AdamW:
    """AdamW with two groups: matrices decay; vectors, biases, positions and tokens do not."""
    from torch import optim

    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (decayed if decays(name, parameter.ndim) else plain).append(parameter)
    return optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=config.peak_learning_rate,
        betas=config.betas,
        eps=config.eps,
        # One kernel over all tensors, on the CPU too.
        fused=all(parameter.device.type in ("cpu", "cuda") for parameter in decayed + plain),
    )


def set_learning_rate(optimizer: optim.Optimizer, value: float) -> None:
    """Use a learning rate in every group from now on."""
    for group in optimizer.param_groups:
        group["lr"] = value

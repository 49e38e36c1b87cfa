"""How much memory the engine's state takes in a process, worked out from the config alone.

CUDA's context and NCCL's buffers come on top. Activations: `activation_memory.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.engines.config import DdpConfig, DeepSpeedConfig, EngineConfig, Fsdp2Config
from training.estimate.model_size import ModelSize

FP32 = 4
BF16 = 2
BUCKET_NUMEL = 500_000_000
"""DeepSpeed's default of `reduce_bucket_size`, in elements."""
PREFETCHED_NUMEL = 50_000_000
"""DeepSpeed's default of `stage3_prefetch_bucket_size`, in elements."""


@dataclass(frozen=True, kw_only=True)
class StateMemory:
    """Bytes that stay on a process's device from step to step; `communication` comes and goes within one.

    `in_main_memory` is what DeepSpeed was told to keep off the device.
    """

    weights: int
    gradients: int
    optimizer: int
    communication: int
    in_main_memory: int = 0

    @property
    def total(self) -> int:
        """All that is on the device."""
        return self.weights + self.gradients + self.optimizer + self.communication


def state_memory(
    engine: EngineConfig, size: ModelSize, world_size: int, zero: Mapping[str, Any] | None = None
) -> StateMemory:
    """Weights, gradients and AdamW's two means; `zero` is DeepSpeed's `zero_optimization`."""
    low = BF16 if engine.precision == "bf16" else FP32
    if isinstance(engine, DdpConfig):
        return StateMemory(
            weights=FP32 * size.parameters,
            gradients=FP32 * size.trained,
            optimizer=2 * FP32 * size.trained,
            # Autocast's copies of the matrices, from the forward to the end of the backward pass.
            communication=low * size.parameters if low < FP32 else 0,
        )
    own, own_trained = (math.ceil(number / world_size) for number in (size.parameters, size.trained))
    if isinstance(engine, Fsdp2Config):
        outside = size.parameters - size.depth * size.block
        gathered = outside + 2 * size.block if engine.reshard_after_forward else size.parameters
        return StateMemory(
            weights=FP32 * own,
            gradients=FP32 * own_trained,
            optimizer=2 * FP32 * own_trained,
            # One block's gradients are made while those of the one before are summed up in float32.
            communication=low * (gathered + size.block) + FP32 * size.block,
        )
    return _zero_memory(engine, size, own, own_trained, low, zero or {})


def _zero_memory(
    engine: DeepSpeedConfig, size: ModelSize, own: int, own_trained: int, low: int, zero: Mapping[str, Any]
) -> StateMemory:
    stage = zero.get("stage", 1)
    buckets = int(zero.get("reduce_bucket_size", BUCKET_NUMEL)) * (2 if zero.get("overlap_comm") else 1)
    optimizer = 3 * FP32 * own_trained
    offloaded = (zero.get("offload_optimizer") or {}).get("device", "none") != "none"
    gradients, communication = FP32 * own_trained, low * buckets
    if stage == 1 and low < FP32 and not offloaded:
        # Gradients stay whole, as they come and summed up in float32; there are no buckets.
        gradients, communication = (low + FP32) * size.trained, 0
    if stage == 3:
        prefetched = int(zero.get("stage3_prefetch_bucket_size", PREFETCHED_NUMEL))
        communication += low * (2 * size.block + min(prefetched, size.parameters))
    return StateMemory(
        weights=low * (own if stage == 3 else size.parameters),
        gradients=0 if offloaded else gradients,
        optimizer=0 if offloaded else optimizer,
        communication=communication,
        in_main_memory=gradients + optimizer if offloaded else 0,
    )

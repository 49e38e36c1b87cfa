"""Settings of the engines; apart from them so that configs load without torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from curation.base.config import Config, operational


class _EngineConfig(Config):
    """What all engines have. Which engine it is decides rounding only: a run may go on with another."""

    precision: Literal["fp32", "bf16"] = Field(
        "fp32",
        description="fp32, or bf16: forward and backward in bfloat16 over float32 weights, no loss scaling.",
    )
    micro_batch_size: int | None = operational(
        None,
        description="Clips of a process per forward pass; gradients of batch_size / processes / "
        "micro_batch_size passes are summed up. null: one pass.",
        ge=1,
        le=65536,
    )
    compile: bool = operational(False, description="Compile each block with torch.compile.")


class DdpConfig(_EngineConfig):
    """Each process holds the whole model (DistributedDataParallel); one process needs no other engine."""

    kind: Literal["ddp"] = operational("ddp", description="The whole model on each process.")


class Fsdp2Config(_EngineConfig):
    """Weights, gradients and optimizer state are split over the processes (`fully_shard`)."""

    kind: Literal["fsdp2"] = operational(description="Everything split over the processes.")
    reshard_after_forward: bool = operational(
        True,
        description="Free a block's weights after its forward pass and gather them again for the backward: "
        "less memory, more traffic.",
    )


class DeepSpeedConfig(_EngineConfig):
    """DeepSpeed's ZeRO as a user's own JSON says. What stands in both must agree."""

    kind: Literal["deepspeed"] = operational(description="DeepSpeed ZeRO 1, 2 or 3.")
    config: str = operational(
        description="Path of DeepSpeed's JSON config (zero_optimization, communication, offload…)."
    )


def _ddp_by_default(value: Any) -> Any:
    """Precision, micro-batches and compiling are set without naming the engine that most have."""
    return {"kind": "ddp", **value} if isinstance(value, dict) else value


EngineConfig = Annotated[
    DdpConfig | Fsdp2Config | DeepSpeedConfig,
    Field(discriminator="kind"),
    BeforeValidator(_ddp_by_default),
]

"""The engine that a config asks for."""

from __future__ import annotations

from functools import partial

from torch import nn

from training.engines.arithmetic import BatchArithmetic
from training.engines.check import check_engine
from training.engines.config import DdpConfig, EngineConfig, Fsdp2Config
from training.engines.engine import Engine
from training.engines.meta import materialise, on_meta
from training.engines.ranks import Ranks
from training.models.block import Block
from training.optimizer import OptimizerConfig
from training.together import together


def build_engine(
    config: EngineConfig,
    optimizer: OptimizerConfig,
    model: nn.Module,
    ranks: Ranks,
    arithmetic: BatchArithmetic,
) -> Engine:
    """Take over a model that stands whole, in float32, on the device of each process, or on the meta device.

    On the meta device it has no weights yet: they are drawn here, from PyTorch's generator, which must be
    seeded alike on all processes. So FSDP2 trains what no device could hold whole.

    Raises:
        ValueError: the engine cannot run it so; the message says what to change.
        ToldElsewhereError: the same, and another process has the message.
    """
    together(ranks, partial(check_engine, config, optimizer, arithmetic))
    assert not set(model.state_dict()) - {name for name, _ in model.named_parameters()}, (
        "checkpoints hold parameters only"
    )
    if config.compile:
        for block in [module for module in model.modules() if isinstance(module, Block)]:
            block.compile()
    if on_meta(model) and not isinstance(config, Fsdp2Config):
        materialise(model, ranks.device)
    if isinstance(config, DdpConfig):
        from training.engines.ddp import DdpEngine

        return DdpEngine(config, optimizer, model, ranks, arithmetic.accumulation)
    ranks.open_group()
    if isinstance(config, Fsdp2Config):
        from training.engines.fsdp2 import Fsdp2Engine

        return Fsdp2Engine(config, optimizer, model, ranks, arithmetic.accumulation)
    from training.engines.deepspeed import DeepSpeedEngine

    return DeepSpeedEngine(config, optimizer, model, ranks, arithmetic)

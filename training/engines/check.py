"""Whether an engine can run as its config says: seen before anything is loaded, without torch."""

from __future__ import annotations

from importlib.util import find_spec

from training.engines.arithmetic import BatchArithmetic
from training.engines.config import DeepSpeedConfig, EngineConfig
from training.engines.deepspeed_config import read_deepspeed_config
from training.optimizer import OptimizerConfig


def check_engine(config: EngineConfig, optimizer: OptimizerConfig, arithmetic: BatchArithmetic) -> None:
    """Refuse what would fail once the engine is built. It tells other processes nothing.

    Raises:
        ValueError: DeepSpeed is not installed, or its JSON config cannot be read, contradicts ours, or wants
            what this trainer does not do; the message says what to change.
    """
    if not isinstance(config, DeepSpeedConfig):
        return
    merged = read_deepspeed_config(
        config.config, precision=config.precision, optimizer=optimizer, arithmetic=arithmetic
    )
    if config.compile and merged["zero_optimization"]["stage"] == 3:
        raise ValueError(
            f"engine.compile = true, but {config.config} asks for ZeRO-3, which gathers weights inside "
            "of blocks, where compiled code breaks apart. Set engine.compile: false, or use ZeRO 1 or "
            "2, or engine.kind: fsdp2."
        )
    if find_spec("deepspeed") is None:
        raise ValueError(
            "engine.kind = deepspeed, but DeepSpeed is not installed. Install it (pip install "
            "'cliploom[train]'), or choose engine.kind: fsdp2."
        )

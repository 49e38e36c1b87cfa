"""An engine in a few words, so that a run can tell that it goes on under another one."""

from __future__ import annotations

import hashlib
import json

from training.engines.config import DeepSpeedConfig, EngineConfig, Fsdp2Config
from training.engines.deepspeed_config import read_json


def engine_in_words(config: EngineConfig) -> str:
    """What of an engine may change the last bits: "ddp", "fsdp2 compiled", "deepspeed zero2 (JSON 1a2b3c4d)".

    Raises:
        ValueError: DeepSpeed's JSON config cannot be read.
    """
    words: list[str] = [config.kind]
    if isinstance(config, DeepSpeedConfig):
        theirs = read_json(config.config)
        digest = hashlib.sha256(json.dumps(theirs, sort_keys=True).encode()).hexdigest()[:8]
        words.append(f"zero{theirs['zero_optimization']['stage']} (JSON {digest})")
    if isinstance(config, Fsdp2Config) and not config.reshard_after_forward:
        words.append("without resharding")
    if config.compile:
        words.append("compiled")
    return " ".join(words)

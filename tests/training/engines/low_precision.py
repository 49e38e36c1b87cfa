"""Each objective on each engine in bf16: `python -m tests.training.engines.low_precision FOLDER KIND…`.

It writes FOLDER/results.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch

from tests.training.conftest import tiny_values
from tests.training.engines.trials import config as engine_config
from tests.training.engines.trials import write_deepspeed_configs
from training.config import TrainConfig
from training.engines.arithmetic import BatchArithmetic
from training.engines.build import build_engine
from training.engines.config import EngineConfig
from training.engines.engine import Engine
from training.engines.ranks import Ranks
from training.objectives.build import build_objective
from training.objectives.objective import Objective
from training.randomness import Draw

STEPS = 2
BATCH = 2
OBJECTIVES: dict[str, dict[str, Any]] = {
    "pixels": {},
    "distill": {
        "kind": "distill",
        "teacher": {"kind": "ema", "layers": 2},
        "mask": {"kind": "random", "ratio": 0.5},
    },
}


def config_of(objective: str) -> TrainConfig:
    """A tiny run."""
    values = tiny_values("none")
    return TrainConfig.model_validate(values | {"objective": OBJECTIVES[objective] or values["objective"]})


def build(
    name: str, engine: EngineConfig, ranks: Ranks, *, on_meta: bool = False
) -> tuple[Objective[Any], Engine]:
    """An objective, whose weights are those of seed 0, and the engine that runs it."""
    config = config_of(name)
    torch.manual_seed(0)
    objective = build_objective(
        config.objective, config.model, config.data.augmentation, ranks.device, on_meta=on_meta
    )
    arithmetic = BatchArithmetic(BATCH, ranks.world_size)
    return objective, build_engine(engine, config.optimizer, objective.model, ranks, arithmetic)


def losses(objective: Objective[Any], engine: Engine) -> list[float]:
    """The loss of each of two steps."""
    found = []
    for step in range(STEPS):
        generator = torch.Generator().manual_seed(step)
        video = torch.randint(0, 256, (BATCH, 4, 40, 40, 3), dtype=torch.uint8, generator=generator)
        prepared = objective.prepare(video, [Draw(0, 0, f"{step}-{row}") for row in range(BATCH)])
        loss = torch.stack(list(objective.terms(engine.forward, prepared).values())).sum()
        engine.backward(loss, last=True)
        engine.step(1e-3)
        objective.after_step()
        found.append(loss.item())
    return found


def same_weights(name: str, ranks: Ranks, folder: Path) -> bool:
    """Whether FSDP2 draws what a model that is built whole starts with."""
    whole, _ = build(name, engine_config("ddp", folder), ranks)
    _, engine = build(name, engine_config("fsdp2", folder), ranks, on_meta=True)
    drawn = engine.tensors()
    return all(
        torch.equal(drawn[f"model/{key}"].full_tensor(), weight)  # type: ignore[attr-defined]
        for key, weight in whole.model.named_parameters()
    )


def main(folder: Path, kinds: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    write_deepspeed_configs(folder)
    ranks = Ranks.join("cpu")
    results: dict[str, Any] = {}
    for name in OBJECTIVES:
        for kind in kinds:
            engine = engine_config(kind, folder, precision="bf16")
            results[f"{name} {kind}"] = losses(*build(name, engine, ranks))
        results[f"{name} same weights"] = same_weights(name, ranks, folder)
    (folder / "results.json").write_text(json.dumps(results))
    ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), tuple(sys.argv[2:]))

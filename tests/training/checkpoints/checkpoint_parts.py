"""Stand-ins for what a checkpoint is taken of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from training.checkpoints.state import Progress, SavedState, Setting
from training.engines.engine import LoadInPlace


class Alone:
    """A lone process."""

    rank = 0
    world_size = 1
    control: Any = None

    def gather(self, value: Any) -> list[Any]:
        return [json.loads(json.dumps(value))]

    def any(self, flag: bool) -> bool:
        return flag


class Model:
    """An engine that holds a model whole, with AdamW's state."""

    def __init__(self, width: int = 4, *, extra: bool = False, dtype: torch.dtype = torch.float32) -> None:
        self._model = nn.ModuleDict({"layer": nn.Linear(3, width)})
        if extra:
            self._model["extra"] = nn.Linear(3, 3)
        self._model.to(dtype)
        self._moments = {
            f"optimizer/{name}/{moment}": torch.zeros_like(parameter)
            for name, parameter in self._model.named_parameters()
            for moment in ("exp_avg", "exp_avg_sq")
        }
        self.step = 0

    def train_a_little(self) -> None:
        for tensor in self.tensors().values():
            tensor.normal_()

    def tensors(self) -> dict[str, Tensor]:
        return {f"model/{name}": p.detach() for name, p in self._model.named_parameters()} | self._moments

    def shapes(self) -> dict[str, torch.Size]:
        return {name: tensor.shape for name, tensor in self.tensors().items()}

    def restore(self, load: LoadInPlace, step: int) -> None:
        load(self.tensors())
        self.step = step


class Nothing:
    """An objective that keeps some tensors."""

    def __init__(self, kept: Mapping[str, Tensor] | None = None) -> None:
        self._kept = dict(kept or {})

    def tensors(self) -> dict[str, Tensor]:
        return self._kept


def state_of(step: int, stream: Mapping[str, Any] | None = None) -> SavedState:
    return SavedState(
        progress=Progress(step=step, samples=4 * step, stream=stream),
        config={"model": {"width": 4}},
        config_hash="0123456789abcdef",
        model={},
        dataset_version="v",
        setting=Setting(
            engine="ddp",
            world_size=1,
            micro_batch_size=4,
            num_threads=1,
            device="cpu",
            torch=torch.__version__,
            attention="sdpa",
        ),
    )


class Split:
    """An engine that holds its part of `whole_tensors`."""

    def __init__(self, held: dict[str, Tensor]) -> None:
        self._held = held
        self.step = 0

    def tensors(self) -> dict[str, Tensor]:
        return self._held

    def shapes(self) -> dict[str, torch.Size]:
        whole = {name: tensor.shape for name, tensor in whole_tensors().items()}
        return whole | {name: tensor.shape for name, tensor in self._held.items()}

    def restore(self, load: LoadInPlace, step: int) -> None:
        load(self._held)
        self.step = step


def whole_tensors() -> dict[str, Tensor]:
    """The same tensors on every process."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "model/split.weight": (7, 5),
        "model/split.short": (1, 3),
        "model/second.weight": (2, 5),
        "model/copied": (3, 2),
        "model/whole": (3,),
        "model/scalar": (),
        "optimizer/a/exp_avg": (3, 3),
        "optimizer/b/exp_avg": (4,),
        "ema/empty": (0, 3),
    }
    found = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return found | {"model/split.bf16": torch.randn(5, 4, generator=generator).bfloat16()}

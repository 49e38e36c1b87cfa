"""Weights, gradients and optimizer state split over the processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

from training.engines.config import Fsdp2Config
from training.engines.meta import materialise, on_meta
from training.engines.native import NativeEngine
from training.engines.ranks import Ranks
from training.models.block import Block
from training.optimizer import OptimizerConfig


class Fsdp2Engine(NativeEngine):
    """Each block is gathered when it is its turn, the rest of the model as a whole.

    In bf16 the gathered weights are bfloat16, while gradients are summed up and kept in float32.
    """

    def __init__(
        self,
        config: Fsdp2Config,
        optimizer: OptimizerConfig,
        model: nn.Module,
        ranks: Ranks,
        accumulation: int,
    ) -> None:
        mesh = init_device_mesh(ranks.device.type, (ranks.world_size,))
        if not on_meta(model):
            same_everywhere(model)
        low = torch.bfloat16 if config.precision == "bf16" else None
        policy = MixedPrecisionPolicy(param_dtype=low, reduce_dtype=torch.float32)
        for block in [module for module in model.modules() if isinstance(module, Block)]:
            fully_shard(
                block, mesh=mesh, mp_policy=policy, reshard_after_forward=config.reshard_after_forward
            )
        # What is left is needed again as soon as the backward pass starts.
        fully_shard(model, mesh=mesh, mp_policy=policy, reshard_after_forward=False)
        if on_meta(model):
            materialise(model, ranks.device)
        super().__init__(model, optimizer, ranks, accumulation)
        self._model = model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """See `Engine`."""
        return self._model(*args, **kwargs)

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """See `Engine`."""
        assert isinstance(self._model, FSDPModule)
        if self._accumulation > 1:
            self._model.set_requires_gradient_sync(last)
        super().backward(loss, last=last)


def same_everywhere(model: nn.Module) -> None:
    """Give all processes the first one's weights, as the other engines do."""
    for tensor in (*model.parameters(), *model.buffers()):
        dist.broadcast(tensor.detach(), 0)

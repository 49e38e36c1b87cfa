"""The whole model on each process."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.engines.config import DdpConfig
from training.engines.native import NativeEngine
from training.engines.ranks import Ranks
from training.engines.shares import share
from training.optimizer import OptimizerConfig


class DdpEngine(NativeEngine):
    """DistributedDataParallel; a lone process runs the bare model."""

    def __init__(
        self,
        config: DdpConfig,
        optimizer: OptimizerConfig,
        model: nn.Module,
        ranks: Ranks,
        accumulation: int,
    ) -> None:
        super().__init__(model, optimizer, ranks, accumulation)
        self._autocast = config.precision == "bf16"
        self._wrapped: DistributedDataParallel | None = None
        if ranks.world_size > 1:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):
                self._wrapped = DistributedDataParallel(
                    model,
                    device_ids=[ranks.device] if ranks.device.type == "cuda" else None,
                    # Constants; newer versions of torch call it forward_sync_buffers.
                    broadcast_buffers=False,
                    gradient_as_bucket_view=True,
                )
        self._model = model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """See `Engine`."""
        with torch.autocast(self._ranks.device.type, torch.bfloat16, enabled=self._autocast):
            if self._wrapped is None:
                return self._model(*args, **kwargs)
            # Whether a backward pass will sum up is settled in its forward pass.
            with nullcontext() if self._in_last_pass else self._wrapped.no_sync():
                return self._wrapped(*args, **kwargs)

    def tensors(self) -> dict[str, Tensor]:
        """See `Engine`; each process gives its share of what all hold."""
        held = super().tensors()
        mine = share({n: t.numel() for n, t in held.items()}, self._ranks.rank, self._ranks.world_size)
        return {name: tensor for name, tensor in held.items() if name in mine}

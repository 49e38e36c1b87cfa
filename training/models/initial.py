"""How weights start.

Each layer draws its own in `reset_parameters`, when it is built and again when `init_weights` says so. So
a model built without memory (on PyTorch's meta device) and split over processes starts as one built whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

Model = TypeVar("Model", bound=nn.Module)

INIT_STD = 0.02
"""Standard deviation of matrices and learnt tokens (InternVideo2's reference code)."""


def built(make: Callable[[], Model], device: torch.device, *, on_meta: bool) -> Model:
    """A new model on a device, its weights drawn; or on the meta device, without any yet."""
    if on_meta:
        with torch.device("meta"):
            return make()
    return make().to(device)


def init_weights(model: nn.Module) -> None:
    """Draw the weights of all layers from PyTorch's generator and compute the positions, in place.

    Split weights are drawn whole, one at a time, and each process keeps its part: with the same seed on
    all of them the model is the same, however it is split.
    """
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None)
        if reset is not None:
            reset()


@torch.no_grad()
def fill(weight: Tensor, draw: Callable[[Tensor], object]) -> None:
    """Let `draw` fill a weight in place; a split one is filled whole and each process keeps its part."""
    if weight.is_meta:
        return
    if not isinstance(weight, DTensor) and weight.device.type == "cpu":
        draw(weight)
        return
    # A GPU's generator draws other numbers, and models that are built whole are drawn before they go there.
    whole = torch.empty(weight.shape, dtype=weight.dtype, device="cpu")
    draw(whole)
    if isinstance(weight, DTensor):
        whole = whole.to(weight.device)
        weight.copy_(distribute_tensor(whole, weight.device_mesh, weight.placements, src_data_rank=None))
    else:
        weight.copy_(whole)


def normal(weight: Tensor) -> Tensor:
    """Draw for `fill`: a normal distribution of `INIT_STD` around 0."""
    return nn.init.trunc_normal_(weight, std=INIT_STD)


def copied(values: Callable[[], Tensor]) -> Callable[[Tensor], object]:
    """Draw for `fill`: values that are computed only where there is memory for them."""
    return lambda weight: weight.copy_(values())

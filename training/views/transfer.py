"""Copies to the training device that the processor does not wait for."""

from __future__ import annotations

from torch import Tensor, device


def to_device(tensor: Tensor, target: device) -> Tensor:
    """The tensor on a device; on a GPU later kernels wait for the copy, the processor does not."""
    if target.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(target, non_blocking=True)

"""Small layers of InternVideo2's networks.

Shape suffixes: B batch, L tokens, D width.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.initial import fill, normal

NORM_EPS = 1e-6


class Linear(nn.Linear):
    """A linear map that starts at truncated normal weights, times `init_scale`, and zero biases."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, init_scale: float = 1.0) -> None:
        self.init_scale = init_scale
        super().__init__(inputs, outputs, bias=bias)

    def reset_parameters(self) -> None:
        """Draw the weights."""
        fill(self.weight, lambda weight: normal(weight).mul_(self.init_scale))
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class RMSNorm(nn.Module):
    """Root mean square norm: in float32, back to the dtype of the input, then times the weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start without effect."""
        nn.init.ones_(self.weight)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Normalise each token; returns [B, L, D]."""
        # PyTorch's kernel computes in float32 inside; given the weight it would round only after it.
        return functional.rms_norm(x_BLD, self.weight.shape, eps=NORM_EPS).to(x_BLD.dtype) * self.weight


class LayerScale(nn.Module):
    """A learnt scale per channel, computed in float32."""

    def __init__(self, width: int, init: float) -> None:
        super().__init__()
        self.init = init
        self.gamma = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start at the initial scale."""
        nn.init.constant_(self.gamma, self.init)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Scale; returns [B, L, D] in the dtype of the input."""
        return (x_BLD * self.gamma.float()).to(x_BLD.dtype)


class DropPath(nn.Module):
    """Leaves a residual branch out for some clips of a batch while training (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Zero whole rows with probability `rate` and scale up the others; returns [B, L, D]."""
        if not self.training or self.rate == 0:
            return x_BLD
        kept = torch.rand(len(x_BLD), 1, 1, device=x_BLD.device) >= self.rate
        return x_BLD * (kept / (1 - self.rate)).to(x_BLD.dtype)


class Mlp(nn.Module):
    """Two linear layers with a GELU between: "tanh" approximates it, "erf" is exact."""

    def __init__(
        self, width: int, hidden_width: int, gelu: str = "erf", *, output_init_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.approximate = "tanh" if gelu == "tanh" else "none"
        self.fc1 = Linear(width, hidden_width)
        self.fc2 = Linear(hidden_width, width, init_scale=output_init_scale)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Transform each token; returns [B, L, D]."""
        y_BLD: Tensor = self.fc2(functional.gelu(self.fc1(x_BLD), approximate=self.approximate))
        return y_BLD

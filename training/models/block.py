"""The transformer block of InternVideo2: pre-norm, full joint attention, scaled residual branches.

Shape suffixes: B batch, L tokens, D width, N heads, H channels of a head.

Names of parameters are those of the released checkpoints (`norm1`, `attn.qkv`, `attn.q_norm`,
`ls1.gamma`, `mlp.fc1`…). Figures: InternVideo2, table 20, and its reference code: RMSNorm with eps
1e-6, q and k normalised over all heads together, no bias in qkv, exact GELU.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

NORM_EPS = 1e-6
INIT_STD = 0.02


class Attention(nn.Module):
    """Multi-head self-attention over all tokens."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = nn.RMSNorm(width, eps=NORM_EPS)
        self.k_norm = nn.RMSNorm(width, eps=NORM_EPS)
        self.proj = nn.Linear(width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Attend; returns [B, L, D]."""
        q_BLD, k_BLD, v_BLD = self.qkv(x_BLD).chunk(3, dim=-1)
        q_BNLH = self._split(self.q_norm(q_BLD))
        k_BNLH = self._split(self.k_norm(k_BLD))
        y_BNLH = functional.scaled_dot_product_attention(q_BNLH, k_BNLH, self._split(v_BLD))
        y_BLD: Tensor = self.proj(y_BNLH.transpose(1, 2).flatten(2))
        return y_BLD

    def _split(self, x_BLD: Tensor) -> Tensor:
        batch, tokens, _ = x_BLD.shape
        return x_BLD.view(batch, tokens, self.heads, -1).transpose(1, 2)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between."""

    def __init__(self, width: int, hidden_width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden_width)
        self.fc2 = nn.Linear(hidden_width, width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Transform each token; returns [B, L, D]."""
        y_BLD: Tensor = self.fc2(functional.gelu(self.fc1(x_BLD)))
        return y_BLD


class LayerScale(nn.Module):
    """A learnt scale per channel, computed in float32."""

    def __init__(self, width: int, init: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), init))

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Scale; returns [B, L, D] in the dtype of the input."""
        return (x_BLD.float() * self.gamma.float()).to(x_BLD.dtype)


class Block(nn.Module):
    """x + ls1(attn(norm1(x))), then x + ls2(mlp(norm2(x)))."""

    def __init__(self, width: int, heads: int, mlp_width: int, layer_scale_init: float) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(width, eps=NORM_EPS)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width, layer_scale_init)
        self.norm2 = nn.RMSNorm(width, eps=NORM_EPS)
        self.mlp = Mlp(width, mlp_width)
        self.ls2 = LayerScale(width, layer_scale_init)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """One block; returns [B, L, D]."""
        x_BLD = x_BLD + self.ls1(self.attn(self.norm1(x_BLD)))
        y_BLD: Tensor = x_BLD + self.ls2(self.mlp(self.norm2(x_BLD)))
        return y_BLD


def init_linear(module: nn.Module) -> None:
    """Truncated normal weights of std 0.02 and zero biases, for `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=INIT_STD)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def scale_residual_init(blocks: nn.ModuleList) -> None:
    """Divide what each block adds by sqrt(2 i), i from 1, so that depth does not grow the residual."""
    with torch.no_grad():
        for number, block in enumerate(blocks, start=1):
            assert isinstance(block, Block)
            block.attn.proj.weight.div_(math.sqrt(2 * number))
            block.mlp.fc2.weight.div_(math.sqrt(2 * number))

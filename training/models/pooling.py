"""Attention pooling: one vector for a clip (`clip_projector` in released checkpoints).

Shape suffixes: B batch, L tokens, D width, N heads, H channels of a head, P pooled width.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import Linear

POOL_NORM_EPS = 1e-5


class CrossAttention(nn.Module):
    """One query attends to all tokens."""

    def __init__(self, width: int, heads: int, output_width: int) -> None:
        super().__init__()
        self.heads = heads
        # Biases stand apart from their matrices because they do so in released checkpoints.
        self.q_bias = nn.Parameter(torch.empty(width))
        self.k_bias = nn.Parameter(torch.empty(width))
        self.v_bias = nn.Parameter(torch.empty(width))
        self.q = Linear(width, width, bias=False)
        self.k = Linear(width, width, bias=False)
        self.v = Linear(width, width, bias=False)
        self.proj = Linear(width, output_width)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start without biases."""
        for bias in (self.q_bias, self.k_bias, self.v_bias):
            nn.init.zeros_(bias)

    def forward(self, q_B1D: Tensor, k_BLD: Tensor, v_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """What the query finds, [B, P], and where it looks, the mean over heads: [B, L]."""
        q_BN1H = self._split(self.q(q_B1D) + self.q_bias)
        k_BNLH = self._split(self.k(k_BLD) + self.k_bias)
        v_BNLH = self._split(self.v(v_BLD) + self.v_bias)
        # One query makes one row of weights: nothing to save by a fused kernel, and masks need the row.
        logits_BN1L = (q_BN1H * q_BN1H.shape[-1] ** -0.5) @ k_BNLH.transpose(-2, -1)
        weights_BN1L = logits_BN1L.float().softmax(dim=-1)
        y_BN1H = weights_BN1L.to(v_BNLH.dtype) @ v_BNLH
        y_BP: Tensor = self.proj(y_BN1H.flatten(1))
        return y_BP, weights_BN1L.detach().squeeze(2).mean(dim=1)

    def _split(self, x_BLD: Tensor) -> Tensor:
        batch, tokens, _ = x_BLD.shape
        return x_BLD.view(batch, tokens, self.heads, -1).transpose(1, 2)


class AttentionPool(nn.Module):
    """The mean of all tokens asks, all tokens answer; no residual, no MLP."""

    def __init__(self, width: int, heads: int, output_width: int) -> None:
        super().__init__()
        self.norm1_q = nn.LayerNorm(width, eps=POOL_NORM_EPS)
        self.norm1_k = nn.LayerNorm(width, eps=POOL_NORM_EPS)
        self.norm1_v = nn.LayerNorm(width, eps=POOL_NORM_EPS)
        self.cross_attn = CrossAttention(width, heads, output_width)

    def forward(self, x_BLD: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled vector, [B, P], and where it looks: [B, L], without gradient, sums to 1."""
        query_B1D = x_BLD.mean(dim=1, keepdim=True)
        pooled: tuple[Tensor, Tensor] = self.cross_attn(
            self.norm1_q(query_B1D), self.norm1_k(x_BLD), self.norm1_v(x_BLD)
        )
        return pooled

"""The transformer block of InternVideo2: pre-norm, full joint attention, scaled residual branches.

Shape suffixes: B batch, L tokens, D width, N heads, H channels of a head.

Names of parameters are those of the released checkpoints (`norm1`, `attn.qkv`, `attn.q_norm`,
`ls1.gamma`, `mlp.fc1`…). From InternVideo2's table 20 and reference code: RMSNorm with eps 1e-6, q and k
normalised over all heads together, no bias in qkv.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from torch import Tensor, nn

from training.models.attention import Backend, attend, check_backend
from training.models.layers import DropPath, LayerScale, Linear, Mlp, RMSNorm


class Attention(nn.Module):
    """Multi-head self-attention over all tokens."""

    def __init__(self, width: int, heads: int, backend: Backend, *, output_init_scale: float = 1.0) -> None:
        super().__init__()
        check_backend(backend)
        self.heads = heads
        self.backend = backend
        self.qkv = Linear(width, 3 * width, bias=False)
        self.proj = Linear(width, width, init_scale=output_init_scale)
        self.q_norm = RMSNorm(width)
        self.k_norm = RMSNorm(width)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Attend; returns [B, L, D]."""
        q_BLD, k_BLD, v_BLD = self.qkv(x_BLD).chunk(3, dim=-1)
        # Float32 weights of the norms would raise half precision to float32.
        q_BLD = self.q_norm(q_BLD).to(v_BLD.dtype)
        k_BLD = self.k_norm(k_BLD).to(v_BLD.dtype)
        y_BLNH = attend(self._split(q_BLD), self._split(k_BLD), self._split(v_BLD), self.backend)
        y_BLD: Tensor = self.proj(y_BLNH.flatten(2))
        return y_BLD

    def _split(self, x_BLD: Tensor) -> Tensor:
        batch, tokens, _ = x_BLD.shape
        return x_BLD.view(batch, tokens, self.heads, -1)


class Block(nn.Module):
    """x + ls1(attn(norm1(x))), then x + ls2(mlp(norm2(x))).

    `output_init_scale` shrinks what the branches' last matrices start with; `drop_path` is the share of
    clips that skip a branch while training.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        mlp_width: int,
        *,
        layer_scale_init: float,
        gelu: str,
        backend: Backend = "auto",
        drop_path: float = 0.0,
        output_init_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.norm1 = RMSNorm(width)
        self.attn = Attention(width, heads, backend, output_init_scale=output_init_scale)
        self.ls1 = LayerScale(width, layer_scale_init)
        self.norm2 = RMSNorm(width)
        self.mlp = Mlp(width, mlp_width, gelu, output_init_scale=output_init_scale)
        self.ls2 = LayerScale(width, layer_scale_init)
        self.drop_path = DropPath(drop_path)

    def forward(self, x_BLD: Tensor) -> Tensor:
        """One block; returns [B, L, D]."""
        x_BLD = x_BLD + self.drop_path(self.ls1(self.attn(self.norm1(x_BLD))))
        y_BLD: Tensor = x_BLD + self.drop_path(self.ls2(self.mlp(self.norm2(x_BLD))))
        return y_BLD

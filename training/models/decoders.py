"""Heads that bring a student's features to the width of a teacher's; dropped after training.

Shape suffixes: D student width, E teacher width; a leading … stands for any shape.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from training.models.layers import Linear

DECODER_NORM_EPS = 1e-5


class Decoder(nn.Module):
    """Projection, LayerNorm, unit length.

    The projection is one matrix ("linear"), or two with an exact GELU between ("mlp": D to D to E).
    """

    def __init__(self, width: int, teacher_width: int, kind: Literal["linear", "mlp"]) -> None:
        super().__init__()
        self.head: nn.Module = (
            Linear(width, teacher_width)
            if kind == "linear"
            else nn.Sequential(Linear(width, width), nn.GELU(), Linear(width, teacher_width))
        )
        self.norm = nn.LayerNorm(teacher_width, eps=DECODER_NORM_EPS)

    def forward(self, features: Tensor) -> Tensor:
        """Features [..., D] to float32 [..., E] of length 1."""
        return functional.normalize(self.norm(self.head(features)).float(), dim=-1)

"""Sizes of the two teachers of InternVideo2's first stage (section 3.1; no torch)."""

from __future__ import annotations

from dataclasses import dataclass

from training.models import flops
from training.models.encoder_config import EncoderConfig

INTERNVL_C = EncoderConfig(size="6B", num_frames=1, size_px=224, layer_scale_init=0.1)
"""InternVL-C's image encoder (arXiv 2312.14238), 5936.0M parameters: built as InternVideo2-6B for one frame.
Its targets were computed with the tanh form of GELU, that of flash-attn's fused MLP, which the reference
code of InternVideo2 runs it with."""


@dataclass(frozen=True, kw_only=True)
class VideoMaeArchitecture:
    """Sizes of a VideoMAE encoder; `trained_grid` is the (time, height, width) that its positions count."""

    width: int
    depth: int
    heads: int
    mlp_width: int
    patch_px: int
    tubelet_frames: int
    trained_grid: tuple[int, int, int]

    @property
    def parameters(self) -> int:
        """Parameters of the encoder; its positions are none."""
        patch = (flops.patch_values(self.patch_px, self.tubelet_frames) + 1) * self.width
        final_norm = 2 * self.width
        return patch + self.depth * flops.block_parameters(self.width, self.mlp_width) + final_norm

    def macs(self, tokens: int) -> int:
        """Multiply-adds of a clip of so many tokens."""
        patches = tokens * flops.patch_values(self.patch_px, self.tubelet_frames) * self.width
        return patches + self.depth * flops.block_macs(tokens, self.width, self.mlp_width)


VIDEOMAE_G = VideoMaeArchitecture(
    width=1408,
    depth=40,
    heads=16,
    mlp_width=6144,
    patch_px=14,
    tubelet_frames=2,
    trained_grid=(8, 16, 16),
)
"""VideoMAEv2's giant encoder (arXiv 2303.16727), 1011.6M parameters."""

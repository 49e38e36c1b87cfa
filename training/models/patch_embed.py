"""Pixels to tokens.

Shape suffixes: B batch, C colour, T frames, H W pixels, L all patches, K visible patches, P values of a
patch, D width.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from training.models.encoder_config import EncoderConfig
from training.models.initial import fill


class PatchProjection(nn.Conv3d):
    """A convolution whose kernel is its stride, computed as the linear map of patches that it is.

    It keeps the shape that checkpoints have; the linear map is faster in half precision, and it is spared
    for hidden patches.
    """

    def reset_parameters(self) -> None:
        """Draw PyTorch's default for a convolution, as InternVideo2 does."""
        bound = 1 / math.sqrt(math.prod(self.weight.shape[1:]))
        fill(self.weight, lambda weight: nn.init.uniform_(weight, -bound, bound))
        assert self.bias is not None
        fill(self.bias, lambda bias: nn.init.uniform_(bias, -bound, bound))

    def forward(self, patches_BLP: Tensor) -> Tensor:
        """Tokens of patches: [B, L, D]."""
        return functional.linear(patches_BLP, self.weight.flatten(1), self.bias)


class PatchEmbed(nn.Module):
    """One linear map of each block of tubelet x patch x patch pixels."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.patch = (config.tubelet_frames, config.patch_px, config.patch_px)
        self.proj = PatchProjection(3, config.width, kernel_size=self.patch, stride=self.patch)

    def forward(self, video_BCTHW: Tensor, visible_BK: Tensor | None = None) -> Tensor:
        """Tokens in raster order of (time, row, column), or of the visible patches only: [B, L, D]."""
        patches_BLP = cut_patches(video_BCTHW, self.patch)
        if visible_BK is not None:
            patches_BLP = take_tokens(patches_BLP, visible_BK)
        x_BLD: Tensor = self.proj(patches_BLP)
        return x_BLD


def cut_patches(video_BCTHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Blocks of (frames, rows, columns) pixels in raster order, each flattened as a kernel is: [B, L, P]."""
    time, height, width = patch
    batch, colours, frames, rows, columns = video_BCTHW.shape
    patches = video_BCTHW.reshape(
        batch, colours, frames // time, time, rows // height, height, columns // width, width
    )
    return patches.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4).flatten(1, 3)


def take_tokens(x_BLD: Tensor, index_BK: Tensor) -> Tensor:
    """The tokens at some indices: [B, K, D]."""
    return x_BLD.gather(1, index_BK.unsqueeze(-1).expand(-1, -1, x_BLD.shape[-1]))

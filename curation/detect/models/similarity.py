"""What neural shot detectors compare frames by: a band of the similarity matrix, and colour histograms.

Shape suffixes: B videos, T frames, D features, W the width of the band, N blocks of frames, L frames of a
block.
"""

# ruff: noqa: N803, N806 (shape suffixes)

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_BITS = 3
BINS = 1 << 3 * _BITS
"""Bins of a colour histogram: 8 levels each of red, green and blue."""


def similarity_band(x_BTD: Tensor, width: int = 101) -> Tensor:
    """Cosine similarity of every frame to those around it, [B, T, width].

    Entry [b, t, j] compares frame t with frame t + j - width // 2 and is 0 where that lies outside the
    video. Memory grows with T * width, whatever T; gradients pass through.

    Raises:
        ValueError: `width` is not odd.
    """
    if width < 1 or width % 2 == 0:
        raise ValueError(f"width = {width}: a band about the diagonal has an odd width, such as 101")
    batch, num_frames, features = x_BTD.shape
    half, length = width // 2, min(num_frames, width)
    missing = -num_frames % length
    blocks = (num_frames + missing) // length
    x_BTD = functional.normalize(x_BTD, dim=2)
    queries_BNLD = functional.pad(x_BTD, (0, 0, 0, missing)).reshape(batch, blocks, length, features)
    # Frames further than half a band from a block meet none of its frames, so each block is multiplied
    # with its surroundings only.
    keys_BND = functional.pad(x_BTD, (0, 0, half, half + missing)).unfold(1, length + 2 * half, length)
    product_BN = (queries_BNLD @ keys_BND).flatten(2)
    # The diagonals of a block become columns when each of its rows is read one entry later than the last.
    skewed_BNL = functional.pad(product_BN, (0, length)).reshape(batch, blocks, length, -1)
    band_BTW = skewed_BNL[..., :width].reshape(batch, -1, width)
    return band_BTW[:, :num_frames]


def color_histograms(frames: Tensor) -> Tensor:
    """Colour histogram of every frame, float32 [B, T, 512] of length 1, from uint8 RGB [B, T, 27, 48, 3].

    Bins are numbered by the upper three bits of red, green and blue, red first (TransNetV2, arXiv
    2008.04838).

    Raises:
        ValueError: `frames` are not uint8 with three colours last.
    """
    if frames.dtype != torch.uint8 or frames.ndim != 5 or frames.shape[-1] != 3:
        raise ValueError(
            f"frames are {frames.dtype} {list(frames.shape)}, not uint8 [B, T, height, width, 3] in RGB order"
        )
    levels = (frames.flatten(2, 3) >> (8 - _BITS)).long()
    bins = levels[..., 0] << 2 * _BITS | levels[..., 1] << _BITS | levels[..., 2]
    counts = torch.zeros(*bins.shape[:2], BINS, device=frames.device)
    counts.scatter_add_(2, bins, torch.ones((), device=frames.device).expand_as(bins))
    return functional.normalize(counts, dim=2)

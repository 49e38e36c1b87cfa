"""What a vision transformer costs, in parameters and multiply-adds, from its sizes alone (no torch)."""

from __future__ import annotations

COLOURS = 3


def block_parameters(width: int, mlp_width: int) -> int:
    """Weights of a block's five linear maps and the biases of its MLP and output; norms are the caller's."""
    return 4 * width**2 + width + 2 * width * mlp_width + width + mlp_width


def patch_parameters(width: int, patch_px: int, tubelet_frames: int) -> int:
    """Weights and bias of the map from a patch to a token."""
    return width * (COLOURS * tubelet_frames * patch_px**2 + 1)


def pool_parameters(width: int, pool_width: int) -> int:
    """An attention pool: three norms, biased q, k and v, and the map out."""
    return 6 * width + 3 * width**2 + 3 * width + (width + 1) * pool_width


def block_macs(tokens: int, width: int, mlp_width: int) -> int:
    """Multiply-adds of a block: its linear maps, and the two products of attention."""
    return tokens * (4 * width**2 + 2 * width * mlp_width) + 2 * tokens**2 * width


def patch_macs(patches: int, width: int, patch_px: int, tubelet_frames: int) -> int:
    """Multiply-adds that turn patches into tokens."""
    return patches * width * COLOURS * tubelet_frames * patch_px**2


def pool_macs(tokens: int, width: int, pool_width: int) -> int:
    """Multiply-adds of an attention pool with one query."""
    return 2 * tokens * width**2 + 2 * tokens * width + width**2 + width * pool_width

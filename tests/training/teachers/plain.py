"""The encoder of InternVideo2 and InternVL-C written out once more, from tensors by name, clip by clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1, 1)


@dataclass(frozen=True)
class Seen:
    blocks: list[Tensor]
    pooled: Tensor
    looks: Tensor


def patches(video: Tensor, size: int, frames: int = 1) -> Tensor:
    """[C, T, H, W] to rows of pixels, patch by patch, in raster order of (time, row, column)."""
    rows = [
        video[:, t : t + frames, y : y + size, x : x + size].flatten()
        for t in range(0, video.shape[1], frames)
        for y in range(0, video.shape[2], size)
        for x in range(0, video.shape[3], size)
    ]
    return torch.stack(rows)


def encode(
    weights: Mapping[str, Tensor],
    video: Tensor,
    *,
    heads: int,
    pool_heads: int,
    gelu: str = "tanh",
    positions: Tensor | None = None,
    visible: list[int] | None = None,
) -> Seen:
    """Encode a clip [C, T, H, W] of normalised colours, or the patches of it that `visible` counts.

    `positions` [L, D] stand in for those of the weights.
    """
    kernel = weights["patch_embed.proj.weight"]
    tokens = patches(video, kernel.shape[-1], kernel.shape[2]) @ kernel.flatten(1).T
    x = torch.cat([weights["cls_token"][0], tokens + weights["patch_embed.proj.bias"]])
    x = x + (weights["pos_embed"][0] if positions is None else positions)
    if visible is not None:
        x = torch.stack([x[0], *(x[1 + index] for index in visible)])
    blocks = []
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    for index in range(depth):
        own = {
            name.removeprefix(f"blocks.{index}."): value
            for name, value in weights.items()
            if name.startswith(f"blocks.{index}.")
        }
        x = x + own["ls1.gamma"] * attention(own, rms(x, own["norm1.weight"]), heads)
        hidden = rms(x, own["norm2.weight"]) @ own["mlp.fc1.weight"].T + own["mlp.fc1.bias"]
        hidden = tanh_gelu(hidden) if gelu == "tanh" else erf_gelu(hidden)
        x = x + own["ls2.gamma"] * (hidden @ own["mlp.fc2.weight"].T + own["mlp.fc2.bias"])
        blocks.append(x)
    pooled, looks = pool(weights, x, pool_heads)
    return Seen(blocks, pooled, looks)


def head(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A head of a student: one matrix or two, a LayerNorm, length 1."""
    if f"{name}.head.weight" in weights:
        x = x @ weights[f"{name}.head.weight"].T + weights[f"{name}.head.bias"]
    else:
        x = erf_gelu(x @ weights[f"{name}.head.0.weight"].T + weights[f"{name}.head.0.bias"])
        x = x @ weights[f"{name}.head.2.weight"].T + weights[f"{name}.head.2.bias"]
    x = functional.layer_norm(x, x.shape[-1:], weights[f"{name}.norm.weight"], weights[f"{name}.norm.bias"])
    return functional.normalize(x, dim=-1)


def tanh_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))


def erf_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / 2**0.5))


def rms(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * weight


def attention(own: Mapping[str, Tensor], x: Tensor, heads: int) -> Tensor:
    q, k, v = (x @ own["attn.qkv.weight"].T).chunk(3, dim=-1)
    q, k = rms(q, own["attn.q_norm.weight"]), rms(k, own["attn.k_norm.weight"])
    found = []
    for qh, kh, vh in zip(q.chunk(heads, -1), k.chunk(heads, -1), v.chunk(heads, -1), strict=True):
        found.append(torch.softmax(qh @ kh.T / qh.shape[-1] ** 0.5, dim=-1) @ vh)
    return torch.cat(found, dim=-1) @ own["attn.proj.weight"].T + own["attn.proj.bias"]


def pool(weights: Mapping[str, Tensor], x: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    own = {
        name.removeprefix("clip_projector."): value
        for name, value in weights.items()
        if name.startswith("clip_projector.")
    }

    def through(name: str, tokens: Tensor) -> Tensor:
        normed = functional.layer_norm(
            tokens, tokens.shape[-1:], own[f"norm1_{name}.weight"], own[f"norm1_{name}.bias"]
        )
        return normed @ own[f"cross_attn.{name}.weight"].T + own[f"cross_attn.{name}_bias"]

    q, k, v = through("q", x.mean(0, keepdim=True)), through("k", x), through("v", x)
    found, looks = [], []
    for qh, kh, vh in zip(q.chunk(heads, -1), k.chunk(heads, -1), v.chunk(heads, -1), strict=True):
        look = torch.softmax(qh @ kh.T / qh.shape[-1] ** 0.5, dim=-1)
        looks.append(look[0])
        found.append(look @ vh)
    pooled = torch.cat(found, dim=-1) @ own["cross_attn.proj.weight"].T + own["cross_attn.proj.bias"]
    return pooled[0], torch.stack(looks).mean(0)

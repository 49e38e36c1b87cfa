"""The video encoder: space-time patches, a class token, pre-norm blocks; no final norm.

Shape suffixes: B batch, C colour, T frames, H W pixels, K visible patches (in `visible_BK`) or layers (in
front), L tokens, D width, P pooled width.

Structure and parameter names are those of InternVideo2's student, so that a checkpoint of one is a
checkpoint of the other.
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from training.models import initial
from training.models.block import Block
from training.models.encoder_config import EncoderConfig
from training.models.patch_embed import PatchEmbed
from training.models.pooling import AttentionPool
from training.models.positions import image_positions, sin_cos_positions, visible_positions


class EncoderOutput(NamedTuple):
    """Features of the class token and the visible patches, in that order.

    `pooled_BP` and `attention_BL` (where the pooling looks, without gradient, sums to 1) are None without
    pooling; `layers_KBLD` holds the blocks asked for in ascending order, None if none were.
    """

    tokens_BLD: Tensor
    pooled_BP: Tensor | None
    layers_KBLD: Tensor | None
    attention_BL: Tensor | None


class VideoEncoder(nn.Module):
    """Encodes the visible patches of a clip or an image."""

    def __init__(self, config: EncoderConfig, *, pool: bool = True) -> None:
        super().__init__()
        self.config = config
        self._position_rows: dict[str, tuple[tuple[int, int, int], bool]] = {}
        self.cls_token = nn.Parameter(torch.empty(1, 1, config.width))
        self._add_positions("pos_embed", class_token=True)
        if config.image_positions:
            self._add_positions("img_pos_embed", class_token=True, image=True)
        initial.fill(self.cls_token, initial.normal)
        self.patch_embed = PatchEmbed(config)
        self.blocks = nn.ModuleList(_block(config, number) for number in range(1, config.depth + 1))
        self.clip_projector = (
            AttentionPool(config.width, config.pool_heads, config.pool_width) if pool else None
        )

    def init_weights(self) -> None:
        """Draw all weights anew, for a model that was built on the meta device and given memory since."""
        initial.init_weights(self)

    def reset_parameters(self) -> None:
        """Draw the class token and compute the positions."""
        initial.fill(self.cls_token, initial.normal)
        for name in self._position_rows:
            self._reset_positions(name)

    def forward(
        self, video_BCTHW: Tensor, visible_BK: Tensor | None = None, *, layers: Collection[int] = ()
    ) -> EncoderOutput:
        """Encode the patches that `visible_BK` (int64 indices in raster order) names, or all.

        Hidden patches are dropped before they are embedded, so that they cost nothing; the class token is
        always visible. A video of one tubelet is an image. `layers` are indices of blocks, from 0.

        Raises:
            ValueError: the video's frames or pixels are not those of the config.
        """
        x_BLD, kept = self._encode(video_BCTHW, visible_BK, layers)
        pooled_BP, attention_BL = (None, None) if self.clip_projector is None else self.clip_projector(x_BLD)
        return EncoderOutput(x_BLD, pooled_BP, torch.stack(kept) if kept else None, attention_BL)

    def _encode(
        self, video_BCTHW: Tensor, visible_BK: Tensor | None, layers: Collection[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """Tokens after the last block, and after each block that `layers` names, in ascending order."""
        positions_BLD = visible_positions(
            self._positions("pos_embed", self._is_image(video_BCTHW)), visible_BK, class_token=True
        )
        x_BLD: Tensor = self.patch_embed(video_BCTHW, visible_BK)
        cls_B1D = self.cls_token.expand(len(x_BLD), -1, -1).to(x_BLD.dtype)
        x_BLD = torch.cat([cls_B1D, x_BLD], dim=1) + positions_BLD
        kept: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            if index < self.config.checkpointed_blocks and torch.is_grad_enabled():
                x_BLD = checkpoint(
                    block, x_BLD, use_reentrant=False, preserve_rng_state=self.config.drop_path > 0
                )
            else:
                x_BLD = block(x_BLD)
            if index in layers:
                kept.append(x_BLD)
        return x_BLD, kept

    def _is_image(self, video_BCTHW: Tensor) -> bool:
        config = self.config
        _, _, frames, height, width = video_BCTHW.shape
        if (height, width) != (config.size_px, config.size_px):
            raise ValueError(
                f"The video is {height} x {width} pixels, but model.size_px = {config.size_px}. Resize it, "
                "or interpolate the positions."
            )
        if frames not in (config.tubelet_frames, config.num_frames):
            raise ValueError(
                f"The video has {frames} frames, but model.num_frames = {config.num_frames}, an image "
                f"{config.tubelet_frames}. Sample so many, or interpolate the positions."
            )
        return frames < config.num_frames

    def _add_positions(self, name: str, *, class_token: bool, image: bool = False) -> None:
        time, height, width = self.config.grid
        grid = (1 if image else time, height, width)
        rows = math.prod(grid) + class_token
        self.register_parameter(name, nn.Parameter(torch.empty(1, rows, self.config.width)))
        self._position_rows[name] = (grid, class_token)
        self._reset_positions(name)

    def _reset_positions(self, name: str) -> None:
        grid, class_token = self._position_rows[name]
        width = self.config.width
        initial.fill(
            self.get_parameter(name),
            initial.copied(lambda: sin_cos_positions(grid, width, class_token=class_token)[None]),
        )

    def _positions(self, name: str, is_image: bool) -> Tensor:
        """Positions [1, L, D] that stand in the parameter `name` for clips."""
        if not is_image:
            return self.get_parameter(name)
        own = name.replace("pos_embed", "img_pos_embed")
        if own in self._position_rows:
            return self.get_parameter(own)
        (num_slots, _, _), class_token = self._position_rows[name]
        return image_positions(self.get_parameter(name), num_slots, class_token=class_token)


def _block(config: EncoderConfig, number: int) -> Block:
    return Block(
        config.width,
        config.heads,
        config.mlp_width,
        layer_scale_init=config.layer_scale_init,
        gelu=config.gelu,
        backend=config.attention,
        drop_path=config.drop_path * (number - 1) / max(config.depth - 1, 1),
        # Branches of deeper blocks start smaller, so that depth does not grow the residual stream.
        output_init_scale=1 / math.sqrt(2 * number),
    )

"""The student of InternVideo2's first stage: the encoder, and heads that guess teachers' features.

Shape suffixes: B batch, C colour, T frames, H W pixels, K visible patches (in `visible_BK`) or layers (in
front), L tokens, D width, P pooled width.
"""

# ruff: noqa: N803, N806, N815 (shape suffixes)
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.models.decoders import Decoder
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.positions import visible_positions
from training.models.student_config import HeadConfig, StudentConfig, aligned_layers


class StudentOutput(NamedTuple):
    """The encoder's features and what the heads make of them, which is float32 of length 1.

    L of `tokens_BLD` and `middle_KBLD` is the class token and the visible patches, of `motion_KBLD` the
    patches only. Layers are in ascending order of blocks. None: the student has no such head.
    """

    tokens_BLD: Tensor
    pooled_BP: Tensor
    middle_KBLD: Tensor
    final_BD: Tensor | None
    motion_KBLD: Tensor | None


class Student(VideoEncoder):
    """An encoder with heads; keys of its state dict are those of released checkpoints."""

    def __init__(self, encoder: EncoderConfig, heads: StudentConfig) -> None:
        super().__init__(encoder)
        self._middle_layers = _layers(encoder, heads.middle)
        self._motion_layers = _layers(encoder, heads.motion)
        self._add_positions("clip_pos_embed", class_token=True)
        if encoder.image_positions:
            self._add_positions("clip_img_pos_embed", class_token=True, image=True)
        if heads.motion is not None:
            self._add_positions("mae_pos_embed", class_token=False)
        self.clip_decoder = _decoders(encoder, heads.middle)
        self.final_clip_decoder: Decoder | None = None
        if heads.final is not None:
            self.final_clip_decoder = Decoder(encoder.pool_width, heads.final.width, heads.final.kind)
        else:
            # Nothing trains the pooling then; engines would wait for its gradients.
            assert self.clip_projector is not None
            self.clip_projector.requires_grad_(False)
        self.mae_decoder = None if heads.motion is None else _decoders(encoder, heads.motion)

    def forward(  # type: ignore[override]  # a student gives more than its encoder, by other names
        self, video_BCTHW: Tensor, visible_BK: Tensor | None = None
    ) -> StudentOutput:
        """Encode the visible patches and guess the teachers' features of them."""
        layers = sorted({*self._middle_layers, *self._motion_layers})
        x_BLD, kept = self._encode(video_BCTHW, visible_BK, layers)
        by_block = dict(zip(layers, kept, strict=True))
        assert self.clip_projector is not None
        pooled_BP, _ = self.clip_projector(x_BLD)
        is_image = self._is_image(video_BCTHW)

        positions_BLD = visible_positions(
            self._positions("clip_pos_embed", is_image), visible_BK, class_token=True
        )
        middle_KBLD = _apply(self.clip_decoder, (by_block[k] + positions_BLD for k in self._middle_layers))
        motion_KBLD = None
        if self.mae_decoder is not None:
            positions_BLD = visible_positions(
                self._positions("mae_pos_embed", is_image), visible_BK, class_token=False
            )
            patches = (by_block[k][:, 1:] + positions_BLD for k in self._motion_layers)
            motion_KBLD = _apply(self.mae_decoder, patches)
        final_BD = None if self.final_clip_decoder is None else self.final_clip_decoder(pooled_BP)
        return StudentOutput(x_BLD, pooled_BP, middle_KBLD, final_BD, motion_KBLD)


def _layers(encoder: EncoderConfig, heads: HeadConfig | None) -> tuple[int, ...]:
    return () if heads is None else aligned_layers(encoder.depth, heads.layers, heads.interval)


def _decoders(encoder: EncoderConfig, heads: HeadConfig) -> nn.ModuleList:
    return nn.ModuleList(Decoder(encoder.width, heads.width, heads.kind) for _ in range(heads.layers))


def _apply(decoders: nn.ModuleList, features: Iterable[Tensor]) -> Tensor:
    return torch.stack([decoder(x_BLD) for decoder, x_BLD in zip(decoders, features, strict=True)])

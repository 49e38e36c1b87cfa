"""An encoder that names what happens in a clip: the layout of InternVideo2's fine-tuned files.

Shape suffixes: B batch, C colour, T frames, H W pixels, P pooled width, N classes.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

from torch import Tensor, nn

from training.models.classifier_config import ClassifierConfig
from training.models.encoder import VideoEncoder
from training.models.encoder_config import EncoderConfig
from training.models.layers import Linear, Mlp

HEAD_INIT_SCALE = 1e-3
EXTRA_MLP_RATIO = 4


class VideoClassifier(VideoEncoder):
    """The pooled vector, an optional residual MLP, a norm and a linear map to classes."""

    def __init__(self, encoder: EncoderConfig, head: ClassifierConfig) -> None:
        super().__init__(encoder)
        width = encoder.pool_width
        self.extra_mlp = None
        if head.extra_mlp:
            mlp = Mlp(width, EXTRA_MLP_RATIO * width, output_init_scale=0)
            self.extra_mlp = nn.Sequential(nn.LayerNorm(width), mlp)
        self.fc_norm = nn.LayerNorm(width)
        self.fc_dropout = nn.Dropout(head.dropout)
        self.head = Linear(width, head.num_classes, init_scale=HEAD_INIT_SCALE)

    def forward(self, video_BCTHW: Tensor) -> Tensor:  # type: ignore[override]  # scores, not features
        """Scores of the classes before softmax: [B, N]."""
        pooled_BP = super().forward(video_BCTHW).pooled_BP
        assert pooled_BP is not None
        if self.extra_mlp is not None:
            pooled_BP = pooled_BP + self.extra_mlp(pooled_BP)
        scores_BN: Tensor = self.head(self.fc_dropout(self.fc_norm(pooled_BP)))
        return scores_BN

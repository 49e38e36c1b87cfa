"""What makes an encoder a classifier; apart from `classifier.py` so that configs load without torch."""

from __future__ import annotations

from pydantic import Field

from curation.base.config import Config


class ClassifierConfig(Config):
    """A norm and a linear map on the pooled vector (InternVideo2's fine-tuned models)."""

    num_classes: int = Field(..., description="Classes.", ge=2, le=100_000)
    dropout: float = Field(
        0.0, description="Share of the pooled channels that is zeroed while training.", ge=0, lt=1
    )
    extra_mlp: bool = Field(
        False,
        description="A residual MLP after the pooling (VideoGLUE's attentive probe; released files with "
        "_ap_ in their name). It starts without effect.",
    )

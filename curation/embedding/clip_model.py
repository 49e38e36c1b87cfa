"""Image models of the CLIP family through `transformers`, from a folder or, pinned, from the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

from curation.base.config import operational
from curation.embedding.base import ImageEmbedder, Images, Vectors, unit
from curation.pretrained import Pretrained, PretrainedConfig


class ClipModelConfig(PretrainedConfig):
    """A model whose images and texts share a space (CLIP, SigLIP, and others with `get_image_features`)."""

    kind: Literal["clip"] = Field(
        "clip", description="an image model of the CLIP family through transformers"
    )
    device: str = operational("cpu", description="Where it computes: cpu, cuda, cuda:1…")
    images_per_call: int = operational(32, ge=1, le=4096, description="Pictures in one call of the model")


class ClipModel(ImageEmbedder):
    """Embeds pictures by a model's image features. `instead` is what may be done where it cannot be had."""

    def __init__(self, config: ClipModelConfig, instead: str) -> None:
        self.config = config
        self._pretrained = Pretrained(config, instead)
        self._loaded: tuple[Any, Any] | None = None

    def setup(self) -> None:
        """Load the model."""
        processor, model = self._pretrained.load("AutoModel", self.config.device)
        if not hasattr(model, "get_image_features"):
            raise ValueError(
                f"{self._pretrained.name} is a {type(model).__name__}, which has no image features: choose a "
                "model of the CLIP family, such as CLIP or SigLIP."
            )
        self._loaded = (processor, model)

    @property
    def size_px(self) -> int:
        """The side of the model's input."""
        _, model = self._ready()
        return int(model.config.vision_config.image_size)

    def fingerprint(self) -> Mapping[str, str]:
        """The model's commit, or the sha256 of the files of its folder, and the libraries."""
        return self._pretrained.fingerprint()

    def embed(self, images: Images) -> Vectors:
        """Unit vectors [N, D] of RGB pictures [N, H, W, 3]; the model's own processor scales them."""
        import torch

        processor, model = self._ready()
        found = []
        for start in range(0, len(images), self.config.images_per_call):
            pictures = list(images[start : start + self.config.images_per_call])
            inputs = processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
            with torch.inference_mode():
                features = model.get_image_features(pixel_values=inputs["pixel_values"].to(model.device))
            # Since transformers 5 the features come inside an output object.
            features = getattr(features, "pooler_output", features)
            found.append(features.float().cpu().numpy())
        if not found:
            return np.zeros((0, int(model.config.projection_dim)), np.float32)
        return unit(np.concatenate(found))

    def _ready(self) -> tuple[Any, Any]:
        assert self._loaded is not None, "setup comes before the first use"
        return self._loaded

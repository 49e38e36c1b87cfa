"""How well a text fits a clip's frames, by a CLIP-type model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from curation.base.config import operational
from curation.base.media_store import MediaStore
from curation.base.records import round_score
from curation.embedding.base import unit
from curation.pretrained import Pretrained, PretrainedConfig
from curation.records import Clip

_INSTEAD = "leave captioning.gates.similarity out"
_MOST_TOKENS = 77
"""Of a model that does not say how many it reads: as many as CLIP."""


class SimilarityConfig(PretrainedConfig):
    """A model whose images and texts share a space (CLIP, SigLIP)."""

    least: float = Field(
        -1.0, ge=-1, le=1, description="Least cosine between the text and the mean of the frames"
    )
    device: str = operational("auto", description="Where it computes: auto, cpu, cuda, cuda:1…")


class Similarity:
    """The cosine between a text and the mean of a clip's frames, -1..1."""

    def __init__(self, config: SimilarityConfig, media: MediaStore) -> None:
        self.least = config.least
        self._config = config
        self._media = media
        self._pretrained = Pretrained(config, _INSTEAD)

    def setup(self) -> None:
        """Load the model.

        Raises:
            ValueError: it is not there, or has no features of images and texts.
        """
        self._processor, self._model = self._pretrained.load("AutoModel", self._config.device)
        self._tokenizer = self._pretrained.tokenizer()
        text = getattr(self._model.config, "text_config", None)
        self._most_tokens = min(
            self._tokenizer.model_max_length, getattr(text, "max_position_embeddings", _MOST_TOKENS)
        )
        if not (hasattr(self._model, "get_image_features") and hasattr(self._model, "get_text_features")):
            raise ValueError(
                f"{self._pretrained.name} is a {type(self._model).__name__}, which does not compare images "
                f"with texts: choose a model of the CLIP family, or {_INSTEAD}."
            )

    def fingerprints(self) -> Mapping[str, str]:
        """Of the weights and libraries."""
        return {f"similarity_{name}": value for name, value in self._pretrained.fingerprint().items()}

    def __call__(self, clip: Clip, text: str) -> float:
        """The cosine; -1 for a clip without frames. A text longer than the model reads is cut."""
        import torch

        from curation.filters.measures.pictures import still_picture

        pictures = [still_picture(self._media.read(frame.media))[..., ::-1] for frame in clip.frames]
        if not pictures:
            return -1.0
        inputs = self._processor(images=pictures, return_tensors="pt", input_data_format="channels_last")
        # SigLIP learnt from texts that were filled up to the full length; CLIP looks at none of the filling.
        words = self._tokenizer(
            [text],
            padding="max_length",
            truncation=True,
            max_length=self._most_tokens,
            return_tensors="pt",
        )
        device = self._model.device
        with torch.inference_mode():
            seen = self._model.get_image_features(pixel_values=inputs["pixel_values"].to(device))
            said = self._model.get_text_features(**{name: each.to(device) for name, each in words.items()})
        frames, texts = (unit(_features(each)) for each in (seen, said))
        return round_score(float(unit(frames.mean(0)) @ texts[0]))


def _features(found: Any) -> np.ndarray:
    # Since transformers 5 the features come inside an output object.
    return np.asarray(getattr(found, "pooler_output", found).float().cpu().numpy())

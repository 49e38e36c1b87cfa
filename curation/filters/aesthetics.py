"""How people would like a clip's pictures, as a model by name rates them."""

from __future__ import annotations

import hashlib
import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field

from curation.embedding.clip_model import ClipModel, ClipModelConfig
from curation.filters.classifier import WITHOUT_IT, Classifier, ModelConfig, Picture, fingerprint
from curation.filters.linear_head import LinearHead
from curation.filters.model_filter import ModelFilter, ModelFilterConfig


class ClipAestheticsConfig(ModelFilterConfig):
    """Rating by linear layers on the vectors of an image model, as the LAION aesthetic predictors do it
    (about 1..10)."""

    kind: Literal["clip"] = Field("clip", description="linear layers on an image model's vectors")
    images: ClipModelConfig = Field(..., description="The image model that the layers were trained on.")
    head: str = Field(
        ..., min_length=1, description="Path of the linear layers, safetensors, on every machine"
    )
    min: float | None = Field(None, description="Lowest rating, in the units of the layers")
    max: float | None = Field(None, description="Highest rating, in the units of the layers")

    @property
    def device(self) -> str:
        """Where the image model computes."""
        return self.images.device


class ClassifierAestheticsConfig(ModelFilterConfig):
    """Rating by an image classification model: the probability of a label, or its only output."""

    kind: Literal["classifier"] = Field("classifier", description="an image classification model")
    classifier: ModelConfig = Field(..., description="An image classification or regression model.")
    label: str | None = Field(
        None, description="The label whose probability is the rating; none for a model with a single output"
    )
    min: float | None = Field(None, description="Lowest rating: a probability, or in the model's units")
    max: float | None = Field(None, description="Highest rating: a probability, or in the model's units")

    @property
    def device(self) -> str:
        """Where the model computes."""
        return self.classifier.device


AestheticsConfig: TypeAlias = Annotated[
    ClipAestheticsConfig | ClassifierAestheticsConfig, Field(discriminator="kind")
]


class AestheticsFilter(ModelFilter):
    """Mean rating of a clip's frames."""

    name: ClassVar[str] = "filter_aesthetics"
    version: ClassVar[str] = "1"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "opencv-python-headless")

    config: ClipAestheticsConfig | ClassifierAestheticsConfig

    def setup(self) -> None:
        """Load the model.

        Raises:
            ValueError: it cannot be loaded, or does not give one number per picture.
        """
        self._rate = _by_clip(self.config) if self.config.kind == "clip" else _by_classifier(self.config)

    def fingerprints(self) -> Mapping[str, str]:
        """The model, the layers on it and the libraries."""
        if self.config.kind == "classifier":
            return {**super().fingerprints(), **fingerprint(self.config.classifier)}
        head = hashlib.sha256(Path(self.config.head).read_bytes()).hexdigest()
        return {**super().fingerprints(), **_image_model(self.config).fingerprint(), "head": head}

    def rated(self, pictures: Sequence[Picture]) -> Sequence[float]:
        """The rating of each picture."""
        return self._rate(pictures)

    def summed(self, ratings: Sequence[float]) -> float:
        """The mean."""
        return statistics.fmean(ratings)


Rate: TypeAlias = Callable[[Sequence[Picture]], Sequence[float]]


def _image_model(config: ClipAestheticsConfig) -> ClipModel:
    return ClipModel(config.images, instead=WITHOUT_IT)


def _by_clip(config: ClipAestheticsConfig) -> Rate:
    model, head = _image_model(config), LinearHead(config.head)
    model.setup()

    def rate(pictures: Sequence[Picture]) -> list[float]:
        ratings: list[float] = []
        for _, alike in itertools.groupby(pictures, key=np.shape):
            vectors = model.embed(np.stack(list(alike)))
            if vectors.shape[1] != head.width:
                raise ValueError(
                    f"head = '{config.head}' takes vectors of {head.width} numbers, but model "
                    f"'{config.images.model}' gives {vectors.shape[1]}. Give the model that it "
                    "was made for."
                )
            ratings += [float(rating) for rating in head(vectors)]
        return ratings

    return rate


def _by_classifier(config: ClassifierAestheticsConfig) -> Rate:
    model = Classifier(config.classifier)
    if config.label is not None:
        index = model.index(config.label)
        return lambda pictures: [float(rating) for rating in model.probabilities(pictures)[:, index]]
    if len(model.labels) != 1:
        raise ValueError(
            f"model '{config.classifier.model}' has several labels ({', '.join(model.labels)}): name the one "
            "whose probability is the rating as label."
        )
    return lambda pictures: [float(rating) for rating in model.outputs(pictures)[:, 0]]

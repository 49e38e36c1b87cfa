"""Whether a clip shows what is not safe to show, as a model by name sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from curation.filters.classifier import Classifier, ModelConfig, Picture, fingerprint
from curation.filters.model_filter import ModelFilter, ModelFilterConfig


class SafetyConfig(ModelFilterConfig):
    """Highest probability over the frames that one of the unsafe labels holds."""

    classifier: ModelConfig = Field(
        ..., description="An image classification model, such as Falconsai/nsfw_image_detection."
    )
    unsafe_labels: tuple[str, ...] = Field(
        ..., min_length=1, description="The labels of the model that call a picture unsafe"
    )
    min: float | None = Field(None, ge=0, le=1, description="Lowest probability of an unsafe frame")
    max: float | None = Field(0.5, ge=0, le=1, description="Highest probability of an unsafe frame")

    @property
    def device(self) -> str:
        """Where the model computes."""
        return self.classifier.device


class SafetyFilter(ModelFilter):
    """The most unsafe frame decides: the sum of the probabilities of its unsafe labels, at most 1."""

    name: ClassVar[str] = "filter_safety"
    version: ClassVar[str] = "1"
    packages: ClassVar[tuple[str, ...]] = ("numpy", "opencv-python-headless")

    config: SafetyConfig

    def setup(self) -> None:
        """Load the model and find the labels."""
        self._classifier = Classifier(self.config.classifier)
        self._unsafe = [self._classifier.index(label) for label in self.config.unsafe_labels]

    def fingerprints(self) -> Mapping[str, str]:
        """The model and the libraries."""
        return {**super().fingerprints(), **fingerprint(self.config.classifier)}

    def rated(self, pictures: Sequence[Picture]) -> Sequence[float]:
        """Probability that a picture is unsafe."""
        probabilities = self._classifier.probabilities(pictures)[:, self._unsafe]
        return [min(1.0, float(each)) for each in probabilities.sum(axis=1)]

    def summed(self, ratings: Sequence[float]) -> float:
        """The highest."""
        return max(ratings)

"""What an image classification model says of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.base.config import operational
from curation.pretrained import Pretrained, PretrainedConfig

WITHOUT_IT = "take the filter out of the configuration"
"""What may be done where a filter's model cannot be had."""

Picture: TypeAlias = NDArray[np.uint8]
"""RGB, [H, W, 3]."""
Values: TypeAlias = NDArray[np.float32]


class ModelConfig(PretrainedConfig):
    """A model and where it computes."""

    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto",
        description="Where it computes; auto: on a GPU if the worker sees one. On Ray only cuda reserves one",
    )
    images_per_call: int = operational(32, ge=1, le=4096, description="Pictures in one call of the model")


def fingerprint(config: ModelConfig) -> Mapping[str, str]:
    """The model's commit, or the sha256 of the files of its folder, and the libraries.

    Raises:
        ValueError: the folder, or transformers, is not there.
    """
    return Pretrained(config, WITHOUT_IT).fingerprint()


class Classifier:
    """An image classification model; one with a single output rates pictures by that number.

    Raises:
        ValueError: the model cannot be loaded.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._processor, self._model = Pretrained(config, WITHOUT_IT).load(
            "AutoModelForImageClassification", config.device
        )

    @property
    def labels(self) -> list[str]:
        """The names of the outputs, in order."""
        names = self._model.config.id2label
        return [str(names[number]) for number in sorted(names)]

    def index(self, label: str) -> int:
        """Which output a label names.

        Raises:
            ValueError: none.
        """
        if label not in self.labels:
            raise ValueError(
                f"model '{self._config.model}' has no label '{label}'; choose from: {', '.join(self.labels)}"
            )
        return self.labels.index(label)

    def outputs(self, pictures: Sequence[Picture]) -> Values:
        """What the model puts out for each picture, before any softmax [N, L]."""
        import torch

        found = []
        for start in range(0, len(pictures), self._config.images_per_call):
            some = list(pictures[start : start + self._config.images_per_call])
            inputs = self._processor(images=some, return_tensors="pt", input_data_format="channels_last")
            with torch.inference_mode():
                found.append(self._model(inputs["pixel_values"].to(self._model.device)).logits.float().cpu())
        return np.asarray(torch.cat(found).numpy(), np.float32)

    def probabilities(self, pictures: Sequence[Picture]) -> Values:
        """Probability of each label for each picture [N, L].

        Softmax, or the logistic function where the model was trained for several labels at a time.
        """
        outputs = self.outputs(pictures)
        if self._model.config.problem_type == "multi_label_classification":
            return np.asarray(1 / (1 + np.exp(-outputs)), np.float32)
        exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)

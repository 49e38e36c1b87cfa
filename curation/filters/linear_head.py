"""The linear layers by which aesthetic predictors turn the vector of a picture into a rating."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float32]


class LinearHead:
    """Linear layers in a row that turn a vector into one number, as the LAION aesthetic predictors have them.

    The file holds `<prefix><number>.weight` and `.bias` per layer, in order of the number, or a lone
    `weight` and `bias`. There is nothing between the layers.

    Raises:
        ValueError: the file is missing or holds something else.
    """

    def __init__(self, path: str) -> None:
        from safetensors.numpy import load_file

        if not Path(path).is_file():
            raise ValueError(
                f"head = '{path}': no such file. Give the safetensors file of the linear layers."
            )
        tensors: dict[str, Any] = load_file(path)
        names = sorted(
            (name.removesuffix("weight") for name in tensors if name.endswith("weight")), key=_place
        )
        self._layers = [(tensors[f"{name}weight"], tensors.get(f"{name}bias")) for name in names]
        shapes = [weight.shape for weight, _ in self._layers]
        fits = all(len(shape) == 2 for shape in shapes) and all(
            above[0] == below[1] for above, below in itertools.pairwise(shapes)
        )
        if not shapes or not fits or shapes[-1][0] != 1:
            raise ValueError(
                f"head = '{path}': its weights {shapes} are no row of linear layers that ends in one number"
            )

    @property
    def width(self) -> int:
        """The length of the vectors that it takes."""
        return int(self._layers[0][0].shape[1])

    def __call__(self, vectors: Values) -> Values:
        """The number for each vector [N, D] -> [N]."""
        values = np.asarray(vectors, np.float32)
        for weight, bias in self._layers:
            values = values @ np.asarray(weight, np.float32).T + (0 if bias is None else bias)
        return np.asarray(values[:, 0], np.float32)


def _place(name: str) -> tuple[int, str]:
    """Where a layer stands by the number in its name."""
    numbers = [part for part in name.split(".") if part.isdigit()]
    return (int(numbers[-1]) if numbers else 0, name)

"""What every image embedder can do, and how a vector of images is used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Images: TypeAlias = NDArray[np.uint8]
"""RGB pictures, [N, H, W, 3]."""
Vectors: TypeAlias = NDArray[np.float32]
"""A unit vector per picture, [N, D]; the dot product of two is their cosine similarity."""


class ImageEmbedder(ABC):
    """Turns pictures into unit vectors. Made light, so that stage keys can be computed anywhere; `setup`
    loads what is heavy and comes before the first `embed`."""

    def setup(self) -> None:  # noqa: B027 - not every embedder has something to load
        """Load models and heavy imports.

        Raises:
            ValueError: the model is not there, or a package that it needs.
        """

    @property
    @abstractmethod
    def size_px(self) -> int:
        """The side that pictures are scaled to inside; larger ones cost time and tell no more. Known after
        `setup`."""

    @abstractmethod
    def embed(self, images: Images) -> Vectors:
        """Unit vectors [N, D] of RGB pictures [N, H, W, 3] of any size."""

    @abstractmethod
    def fingerprint(self) -> Mapping[str, str]:
        """Versions or hashes of what shapes the vectors, for stage keys; known before `setup`."""


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """Vectors [..., D] scaled to length 1; one of length 0 stays as it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)

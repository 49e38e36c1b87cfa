"""The built-in embedder: where which colours lie, which there are, and which way edges run.

Three descriptions of a small picture in CIELAB stand side by side, each a vector of its own with a fixed
share in the whole. The layout of colours follows MPEG-7's Color Layout in spirit (means of an 8 x 8 grid,
ISO/IEC 15938-3), the edges GIST and HOG (orientation histograms of a 4 x 4 grid).
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from curation.base.config import Config
from curation.embedding.base import ImageEmbedder, Images, Vectors, unit

SIZE_PX = 64
LAYOUT_CELLS = 8
EDGE_CELLS = 4
ORIENTATIONS = 8
BINS = (6, 5, 5)
"""Bins of lightness, a and b."""
COLOUR_RANGE = 60.0
"""Values of a and b beyond this, either way, fall into the last bin; few pictures have any."""
SHARES = {"layout": 0.4, "histogram": 0.3, "edges": 0.3}
"""Share of each description in the cosine similarity."""


class ColourLayoutConfig(Config):
    """Colours, where they lie, and the direction of edges; needs no model."""

    kind: Literal["colours"] = Field("colours", description="colours and edges by place; needs no model")


class ColourLayout(ImageEmbedder):
    """Tells scenes apart by colours and edges; what is in them it does not know."""

    def __init__(self, config: ColourLayoutConfig) -> None:
        self.config = config

    def setup(self) -> None:
        """Import OpenCV, on one thread."""
        import cv2

        cv2.setNumThreads(1)
        self._cv2: Any = cv2

    @property
    def size_px(self) -> int:
        """64."""
        return SIZE_PX

    def fingerprint(self) -> Mapping[str, str]:
        """The libraries that scale and measure."""
        return {name: importlib.metadata.version(name) for name in ("numpy", "opencv-python-headless")}

    def embed(self, images: Images) -> Vectors:
        """Unit vectors [N, 470] of RGB pictures [N, H, W, 3]."""
        lab = np.zeros((len(images), SIZE_PX, SIZE_PX, 3), np.float32)
        for number, image in enumerate(images):
            lab[number] = self._lab(image)
        parts = {"layout": _layout(lab), "histogram": _histogram(lab), "edges": _edges(lab[..., 0])}
        return unit(np.concatenate([np.sqrt(SHARES[name]) * unit(part) for name, part in parts.items()], 1))

    def _lab(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """A picture [64, 64, 3] in CIELAB: lightness 0..100, a and b around 0."""
        size = (SIZE_PX, SIZE_PX)
        small = self._cv2.resize(np.ascontiguousarray(image), size, interpolation=self._cv2.INTER_AREA)
        lab = self._cv2.cvtColor(small.astype(np.float32) / 255, self._cv2.COLOR_RGB2LAB)
        return np.asarray(lab, np.float32)


def _layout(lab: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean colour of each cell [N, 8 * 8 * 3], lightness from mid-grey on."""
    side = SIZE_PX // LAYOUT_CELLS
    means = lab.reshape(-1, LAYOUT_CELLS, side, LAYOUT_CELLS, side, 3).mean((2, 4))
    return np.reshape(means - np.array([50.0, 0.0, 0.0]), (len(lab), LAYOUT_CELLS * LAYOUT_CELLS * 3))


def _histogram(lab: NDArray[np.floating]) -> NDArray[np.floating]:
    """Square roots of the shares of colours [N, 150]; each pixel is divided among the nearest bins, so that
    a small change of light never moves it whole."""
    scaled = (lab - [0.0, -COLOUR_RANGE, -COLOUR_RANGE]) / [100.0, 2 * COLOUR_RANGE, 2 * COLOUR_RANGE]
    last = np.array(BINS) - 1
    place = np.clip(scaled, 0, 1).reshape(len(lab), SIZE_PX**2, 3) * last
    low = np.minimum(np.floor(place).astype(np.int64), last - 1)
    above = place - low
    found = np.zeros((len(lab), int(np.prod(BINS))))
    for corner in np.ndindex(2, 2, 2):
        bins = np.ravel_multi_index(tuple(np.moveaxis(low + corner, -1, 0)), BINS)
        weights = np.where(np.array(corner) == 1, above, 1 - above).prod(-1)
        found += _weighed(bins, weights, found.shape[1])
    return np.sqrt(found / SIZE_PX**2)


def _edges(lightness: NDArray[np.floating]) -> NDArray[np.floating]:
    """Strength of edges by direction in each cell [N, 4 * 4 * 8], as square roots of their shares."""
    down, right = np.gradient(lightness, axis=(1, 2)) if len(lightness) else (lightness, lightness)
    strength = np.hypot(down, right)
    place = (np.arctan2(down, right) % np.pi) / np.pi * ORIENTATIONS
    low = np.floor(place).astype(np.int64)
    above = place - low
    side = SIZE_PX // EDGE_CELLS
    cell = np.arange(SIZE_PX) // side
    cells = (cell[:, None] * EDGE_CELLS + cell[None, :])[None]
    found = np.zeros((len(lightness), EDGE_CELLS * EDGE_CELLS * ORIENTATIONS))
    for shift, share in ((0, 1 - above), (1, above)):
        bins = cells * ORIENTATIONS + (low + shift) % ORIENTATIONS
        found += _weighed(bins, share * strength, found.shape[1])
    return np.sqrt(found)


def _weighed(bins: NDArray[np.int64], weights: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Sum of the weights [N, ...] in each of `count` bins, by row [N, count]."""
    rows = np.arange(len(bins)).reshape(-1, *(1,) * (bins.ndim - 1))
    whole = np.bincount((rows * count + bins).ravel(), weights.ravel(), len(bins) * count)
    return np.reshape(whole, (len(bins), count))

"""A perceptual hash of a picture: which of its coarse patterns are stronger than most.

The hash follows Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions" (2010), section
3.2.1: the luma at 32 x 32, its discrete cosine transform, of that 8 x 8 low frequencies without the first row
and column, and a bit for each that is above their median. Unlike there, the picture fades out towards its
edges before the transform, so that a logo in a corner or a slight crop moves few bits.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Luma: TypeAlias = NDArray[np.uint8]

SIZE_PX = 32
FREQUENCIES = 8
FLAT_CONTRAST = 3.0
"""Standard deviation of luma (0..255) at 32 x 32 below which the bits are those of an encoder's noise."""
BORDER_LUMA = 24
"""A row or column is a border where hardly a pixel of any picture is brighter. Black is 0."""
LOGO_SHARE = 0.2
"""Share of a border that a logo on it may take up."""
MIN_KEPT_SHARE = 0.4
"""Least share of the width or height that is left of a picture without its borders; one with wider borders is
a dark picture, and stays whole."""


def hashes_of(pictures: Sequence[Luma]) -> list[int]:
    """The hashes of a clip's pictures (H, W), luma 0..255, each as a signed 64-bit integer; 0 for one
    without structure. Black borders that all of them share are left out of account."""
    rows, columns = _inside(pictures)
    return [_hash(picture[rows, columns]) for picture in pictures]


def _hash(picture: Luma) -> int:
    small = cv2.resize(picture, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    if small.std() < FLAT_CONTRAST:
        return 0
    faded = (small - np.median(small)) * _fade()
    low = cv2.dct(faded)[1 : 1 + FREQUENCIES, 1 : 1 + FREQUENCIES]
    bits = np.packbits(low > np.median(low))
    return int(bits.view(">i8")[0])


@functools.cache
def _fade() -> NDArray[np.float32]:
    """A Hann window [32, 32]."""
    window = np.sin(np.pi * (np.arange(SIZE_PX) + 0.5) / SIZE_PX) ** 2
    return np.outer(window, window).astype(np.float32)


def _inside(pictures: Sequence[Luma]) -> tuple[slice, slice]:
    """Rows and columns that no border takes up."""
    brightest = np.maximum.reduce(pictures)
    share = (brightest > BORDER_LUMA).mean
    return _bright(share(axis=1)), _bright(share(axis=0))


def _bright(bright_share: NDArray[np.float64]) -> slice:
    """What is left between borders. They are as wide on both sides; what is dark on one side is a picture."""
    bright = np.flatnonzero(bright_share > LOGO_SHARE)
    total = len(bright_share)
    border = min(int(bright[0]), total - 1 - int(bright[-1])) if len(bright) else 0
    return slice(border, total - border) if total - 2 * border >= MIN_KEPT_SHARE * total else slice(None)

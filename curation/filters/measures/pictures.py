"""Pictures to measure on."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]

STILL_SHORT_SIDE_PX = 480


def still_picture(jpeg: bytes) -> Image:
    """A kept frame of the source as BGR (H, W, 3), 480 px on its short side where it has them."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"a kept frame of {len(jpeg)} bytes is no JPEG picture: cut the clip again")
    return shrunk(np.asarray(picture, np.uint8), STILL_SHORT_SIDE_PX)


def shrunk(picture: Image, short_side_px: int) -> Image:
    """The picture with its short side at most so long, by averaging."""
    height, width = picture.shape[:2]
    scale = short_side_px / min(height, width)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)

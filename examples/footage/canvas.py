"""The picture that scenes draw on: its size, its types, and the camera's view of layered textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

WIDTH = 640
HEIGHT = 360

Image = npt.NDArray[np.uint8]
"""A frame: HEIGHT x WIDTH x 3, RGB."""
Plane = npt.NDArray[np.floating[Any]]
"""Height x width (x 3) of floats; colours run from 0 to 255, masks from 0 to 1."""
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class View:
    """Where the camera looks: an offset in pixels of the nearest layer, and a magnification."""

    x_px: float = 0.0
    y_px: float = 0.0
    zoom: float = 1.0


class Scene(Protocol):
    """A place that can be filmed."""

    def draw(self, time_s: float, view: View) -> Image:
        """The picture `time_s` seconds into the shot."""
        ...


class Layer:
    """A texture at some depth: 0 is infinitely far and stands still, 1 moves with the camera.

    The texture may be larger than the picture; its centre is where the camera looks from the start.
    """

    def __init__(self, colour: Plane, mask: Plane | None, depth: float) -> None:
        self._depth = depth
        self._colour = to_image(colour if mask is None else colour * mask[..., None])
        self._uncovered = None if mask is None else to_image(np.dstack([255.0 * (1.0 - mask)] * 3))

    def paint(self, canvas: Image, view: View) -> Image:
        """The canvas with this layer over it."""
        matrix = self._matrix(view)
        colour = _warp(self._colour, matrix)
        if self._uncovered is None:
            return colour
        return cv2.add(cv2.multiply(canvas, _warp(self._uncovered, matrix), scale=1 / 255), colour)

    def _matrix(self, view: View) -> npt.NDArray[np.float64]:
        scale = 1.0 / (1.0 + (view.zoom - 1.0) * self._depth)
        height, width = self._colour.shape[:2]
        x0 = width / 2 + view.x_px * self._depth - scale * WIDTH / 2
        y0 = height / 2 + view.y_px * self._depth - scale * HEIGHT / 2
        return np.array([[scale, 0, x0], [0, scale, y0]])


def paint_layers(layers: Sequence[Layer], view: View) -> Image:
    """The layers over one another, the farthest first."""
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for layer in layers:
        canvas = layer.paint(canvas, view)
    return canvas


def place(view: View, depth: float, x_px: float, y_px: float) -> tuple[float, float, float]:
    """Where a point of a layer is on the picture (x, y), and how much it is magnified."""
    scale = 1.0 + (view.zoom - 1.0) * depth
    x = (x_px - WIDTH / 2 - view.x_px * depth) * scale + WIDTH / 2
    y = (y_px - HEIGHT / 2 - view.y_px * depth) * scale + HEIGHT / 2
    return x, y, scale


def to_image(plane: Plane) -> Image:
    """Clip to 0..255 and round."""
    return np.clip(plane + 0.5, 0, 255).astype(np.uint8)


def paste(canvas: Image, colour: Image, mask: Plane, x_px: float, y_px: float) -> None:
    """Put a sprite with its centre at (x, y), at whole pixels, cut off at the picture's edge."""
    height, width = mask.shape
    left, top = round(x_px - width / 2), round(y_px - height / 2)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    below = canvas[y0:y1, x0:x1]
    alpha = mask[part][..., None]
    canvas[y0:y1, x0:x1] = to_image(below * (1 - alpha) + colour[part] * alpha)


def crop(canvas: Image, view: View) -> Image:
    """What the camera sees of a picture that is no larger than the frame."""
    scale = 1 / view.zoom
    x0 = WIDTH / 2 * (1 - scale) + view.x_px
    y0 = HEIGHT / 2 * (1 - scale) + view.y_px
    return _warp(canvas, np.array([[scale, 0, x0], [0, scale, y0]]))


def glow(canvas: Image, lights: Image, spread_px: float) -> Image:
    """Lights added to a canvas with a soft halo."""
    small = cv2.resize(lights, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(small, (0, 0), spread_px / 4)
    halo = cv2.resize(halo, (lights.shape[1], lights.shape[0]), interpolation=cv2.INTER_LINEAR)
    return cv2.add(cv2.add(canvas, halo), lights)


def _warp(texture: Image, matrix: npt.NDArray[np.float64]) -> Image:
    return cv2.warpAffine(
        texture,
        matrix,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )

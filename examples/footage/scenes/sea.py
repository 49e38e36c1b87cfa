"""A calm sea at dawn."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Image, Layer, View, place, to_image
from examples.footage.texture import (
    Random,
    below,
    blend,
    disc,
    fractal,
    gradient,
    grid,
    halo,
    ridge,
    seamless,
    smoothstep,
)

NOISE_SIZE = 512


class Sea:
    """A calm sea at dawn, the sun's path glittering on it."""

    SPAN = 1000
    HORIZON_PX = 330
    TALL = 720

    def __init__(self, random: Random) -> None:
        tall = gradient(
            self.TALL,
            self.SPAN,
            [
                (0, (44, 62, 120)),
                (0.22, (138, 116, 164)),
                (0.38, (246, 160, 130)),
                (0.46, (255, 208, 150)),
                (1, (255, 208, 150)),
            ],
        )
        sun_x, sun_y = self.SPAN * 0.5 + 70, self.HORIZON_PX - 34
        clouds = fractal(random, self.TALL, self.SPAN, cells=(16, 4), octaves=5)
        tall = blend(tall, (255, 206, 190), smoothstep(0.55, 0.8, clouds) * 0.65)
        tall = blend(tall, (255, 226, 160), halo(self.TALL, self.SPAN, sun_x, sun_y, 150) * 0.8)
        tall = blend(tall, (255, 252, 232), disc(self.TALL, self.SPAN, sun_x, sun_y, 24, 2.5))
        coast = self.HORIZON_PX - 26 * np.clip(ridge(random, self.SPAN, bumps=5) * 2 - 1.0, 0, 1)
        tall = blend(tall, (104, 84, 118), below(coast, self.TALL))
        self._sky = Layer(tall, None, 1.0)
        self._noise = seamless(random, NOISE_SIZE, cells=16, octaves=4)
        self._sun_x = 70.0

    def draw(self, time_s: float, view: View) -> Image:
        """The waves roll in; the camera may pan and tilt."""
        canvas = self._sky.paint(np.zeros((HEIGHT, WIDTH, 3), np.uint8), view)
        _, horizon, scale = place(view, 1.0, 0, self.HORIZON_PX - (self.TALL - HEIGHT) / 2)
        first_row = max(0, math.ceil(horizon))
        if first_row < HEIGHT:
            canvas[first_row:] = self._water(time_s, view, horizon, first_row, scale)
        return canvas

    def _water(self, time_s: float, view: View, horizon: float, first_row: int, scale: float) -> Image:
        rows, columns = grid(HEIGHT - first_row, WIDTH // 2)
        columns = columns * 2
        down = (rows + first_row - horizon + 1.5) / scale
        distance = 9000 / down
        across = ((columns - WIDTH / 2) / scale + view.x_px) * distance / 90
        waves = self._scroll(across * 1.4 + time_s * 9, distance * 4.2 - time_s * 40)
        waves = waves + self._scroll(across * 3.1 - time_s * 15, distance * 9.5 - time_s * 64)
        slope = waves - 1.0
        near = np.clip(down / 190, 0, 1)
        colour = gradient(
            len(rows), WIDTH // 2, [(0, (250, 190, 146)), (0.3, (156, 128, 152)), (1, (34, 62, 96))]
        )
        colour = colour * (1 + slope * (0.25 + 0.9 * near))[..., None]
        sun_column = (columns - WIDTH / 2 - (self._sun_x - view.x_px) * scale) / (22 + down * 0.42)
        glitter = np.exp(-sun_column * sun_column) * smoothstep(0.05, 0.3, slope + 0.12)
        colour = blend(colour.astype(np.float32), (255, 236, 186), glitter * 0.95)
        return to_image(cv2.resize(colour, (WIDTH, len(rows)), interpolation=cv2.INTER_LINEAR))

    def _scroll(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        wrapped = (np.mod(x, NOISE_SIZE).astype(np.float32), np.mod(y, NOISE_SIZE).astype(np.float32))
        return cv2.remap(self._noise, *wrapped, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

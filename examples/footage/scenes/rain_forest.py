"""A forest in the rain."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Image, Layer, View
from examples.footage.drawing import line, mix
from examples.footage.scenes.firs import SPAN, fir_row
from examples.footage.texture import Random, blend, fractal, gradient, smoothstep


class RainForest:
    """Firs in the mist while it rains; lightning far away brightens the sky for a moment."""

    STREAKS = 260
    LIGHTNING_S = 2.4

    def __init__(self, random: Random) -> None:
        sky = gradient(HEIGHT, SPAN, [(0, (96, 112, 122)), (0.6, (166, 180, 182)), (1, (186, 196, 192))])
        sky = blend(
            sky, (84, 98, 110), smoothstep(0.45, 0.8, fractal(random, HEIGHT, SPAN, cells=(6, 5))) * 0.6
        )
        self._sky = Layer(sky, None, 0.05)
        self._trees = [
            fir_row(random, near, mix((152, 170, 170), (22, 42, 36), near**0.7)) for near in (0, 0.3, 0.62, 1)
        ]
        self._streaks = random.random((self.STREAKS, 3))

    def draw(self, time_s: float, view: View) -> Image:
        """Rain falls; the camera may pan."""
        canvas = self._sky.paint(np.zeros((HEIGHT, WIDTH, 3), np.uint8), view)
        since_s = time_s - self.LIGHTNING_S
        if since_s >= 0:
            flash = 26 * math.exp(-since_s * 7)
            canvas = cv2.add(canvas, (flash, flash, flash * 1.1, 0))
        for layer in self._trees:
            canvas = layer.paint(canvas, view)
        rain = np.zeros_like(canvas)
        for x, y, near in self._streaks:
            speed = 420 + 420 * near
            at_y = math.fmod(y * 430 + time_s * speed, 430) - 40
            at_x = math.fmod(x * 760 + 0.12 * at_y - view.x_px * near * 0.8, 760) - 60
            length = 9 + 17 * near
            light = round(30 + 50 * near)
            line(rain, (at_x, at_y), (at_x + 0.12 * length, at_y + length), (light, light, light + 6))
        return cv2.add(canvas, rain)

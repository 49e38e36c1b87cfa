"""A flight through stars, a nebula behind them."""

from __future__ import annotations

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Image, View, glow, to_image
from examples.footage.drawing import circle, line, tint
from examples.footage.scenes.night_sky import add_stars
from examples.footage.texture import Random, blend, fractal, gradient, halo, smoothstep


class StarFlight:
    """A flight through a field of stars, a nebula behind it."""

    STARS = 520
    DEPTH = 10.0

    def __init__(self, random: Random) -> None:
        size = (HEIGHT * 2, WIDTH * 2)
        dust = fractal(random, *size, cells=(3, 5), octaves=7)
        cloud = fractal(random, *size, cells=(4, 6), octaves=6)
        glow_mask = halo(*size, WIDTH, HEIGHT, 330)
        sky = gradient(*size, [(0, (6, 6, 20)), (1, (10, 8, 28))])
        sky = blend(sky, (186, 60, 150), smoothstep(0.42, 0.85, dust) * glow_mask)
        sky = blend(sky, (60, 130, 230), smoothstep(0.45, 0.8, cloud) * glow_mask * 0.85)
        sky = blend(sky, (255, 226, 190), halo(*size, WIDTH, HEIGHT, 90) * 0.7 * (0.4 + 0.6 * dust))
        self._nebula = to_image(add_stars(random, sky, 900))
        self._stars = np.column_stack(
            [random.uniform(-8, 8, (self.STARS, 2)), random.uniform(0, self.DEPTH, self.STARS)]
        )
        self._hues = random.choice(np.array([(255, 255, 255), (200, 220, 255), (255, 232, 200)]), self.STARS)

    def draw(self, time_s: float, view: View) -> Image:
        """The stars come closer while the nebula turns."""
        matrix = cv2.getRotationMatrix2D(
            (WIDTH, HEIGHT), 4.5 * time_s, 0.62 * view.zoom * (1 + 0.05 * time_s)
        )
        matrix[:, 2] -= (WIDTH / 2, HEIGHT / 2)
        canvas = cv2.warpAffine(
            self._nebula, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        lights = np.zeros_like(canvas)
        for (x, y, z), hue in zip(self._stars, self._hues, strict=True):
            depth = (z - time_s * 1.7) % self.DEPTH + 0.25
            fade = min(1.0, (self.DEPTH - depth) / 2)
            at, was = _project(x, y, depth), _project(x, y, depth + 0.06)
            colour = tint(hue, fade)
            line(lights, was, at, colour, 1 + int(depth < 1.6))
            circle(lights, *at, min(3.2, 1.5 / depth + 0.4), colour)
        return glow(canvas, lights, 6)


def _project(x: float, y: float, depth: float) -> tuple[float, float]:
    """Where a point in space is on the picture."""
    return WIDTH / 2 + x / depth * 150, HEIGHT / 2 + y / depth * 150

"""Fireworks that a lake mirrors."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, Plane, View, crop, glow, to_image
from examples.footage.drawing import circle, line, tint
from examples.footage.scenes.night_sky import add_stars
from examples.footage.texture import Random, below, blend, gradient, grid, ridge, seamless


class Fireworks:
    """Fireworks that a lake mirrors."""

    SHORE_PX = 252
    COLOURS: tuple[Colour, ...] = (
        (255, 120, 90),
        (255, 214, 110),
        (120, 220, 255),
        (190, 140, 255),
        (140, 255, 170),
        (255, 160, 220),
    )

    def __init__(self, random: Random) -> None:
        sky = gradient(self.SHORE_PX, WIDTH, [(0, (8, 10, 34)), (1, (44, 36, 72))])
        sky = add_stars(random, sky, 150)
        hills = below(self.SHORE_PX - 4 - ridge(random, WIDTH, bumps=4) * 44, self.SHORE_PX)
        sky = blend(sky, (14, 14, 30), hills)
        self._sky = to_image(_with_windows(random, sky, self.SHORE_PX))
        self._hills = hills
        self._bursts = []
        for index in range(9):
            start_s = index * 0.5 - 1.0
            x, y = random.uniform(90, WIDTH - 90), random.uniform(50, 120)
            angle = random.uniform(0, math.tau, 150)
            speed = random.uniform(0.15, 1.0, 150) ** 0.5 * random.uniform(150, 230)
            velocity = np.column_stack([np.cos(angle) * speed, np.sin(angle) * speed])
            self._bursts.append((start_s, x, y, velocity, self.COLOURS[index % len(self.COLOURS)]))
        self._noise = seamless(random, 256, cells=16, octaves=3)

    def draw(self, time_s: float, view: View) -> Image:
        """Rockets rise and burst every half second; the camera may zoom in."""
        lights = np.zeros_like(self._sky)
        for start_s, x, y, velocity, colour in self._bursts:
            age_s = time_s - start_s
            if 0 <= age_s < 1.9:
                _draw_burst(lights, x, y, velocity, age_s, colour)
            elif -0.7 < age_s < 0:
                rise_y = y + (self.SHORE_PX - y) * (age_s / 0.7) ** 2
                line(lights, (x, rise_y + 9), (x, rise_y), (255, 220, 160), 2)
        sky = glow(self._sky, to_image(lights * (1 - 0.9 * self._hills[..., None])), 10)
        canvas = np.vstack([sky, self._mirror(sky, time_s)])
        return crop(canvas, view)

    def _mirror(self, sky: Image, time_s: float) -> Image:
        rows, columns = grid(HEIGHT - self.SHORE_PX, WIDTH)
        x = np.mod(columns * 0.5 + time_s * 6, 256).astype(np.float32)
        y = np.mod(2600 / (rows + 14) - time_s * 24, 256).astype(np.float32)
        ripple = cv2.remap(self._noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP) - 0.5
        from_rows = (self.SHORE_PX - 1 - rows * 2.1 + ripple * (14 + rows * 0.5)).astype(np.float32)
        from_columns = (columns + ripple * (4 + rows * 0.2)).astype(np.float32)
        mirrored = cv2.remap(sky, from_columns, from_rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return to_image(mirrored * 0.6 + np.array((2, 6, 14), np.float32))


def _draw_burst(
    lights: Image, x: float, y: float, velocity: np.ndarray, age_s: float, colour: Colour
) -> None:
    """Sparks slowed down by air and pulled down, each with a tail."""
    fade = max(0.0, 1 - age_s / 1.9) ** 1.3
    spark = tint(colour, fade)
    ends = []
    for at_s in (age_s, max(0.0, age_s - 0.16)):
        travel = (1 - math.exp(-2.2 * at_s)) / 2.2
        ends.append(velocity * travel + (x, y + 26 * at_s * at_s))
    for head, tail in zip(*ends, strict=True):
        line(lights, tail, head, spark)
        circle(lights, head[0], head[1], 1.4, spark)


def _with_windows(random: Random, sky: Plane, shore_px: int) -> Plane:
    """A village on the far shore."""
    for _ in range(70):
        x = int(np.clip(random.normal(WIDTH * 0.5, WIDTH * 0.22), 2, WIDTH - 4))
        y = shore_px - 3 - int(random.integers(0, 12))
        sky[y : y + 2, x : x + 2] = (255, 206, 130)
    return sky

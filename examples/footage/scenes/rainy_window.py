"""City lights through a window in the rain."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, View, to_image
from examples.footage.drawing import circle, line
from examples.footage.texture import Random, disc, gradient, grid


class RainyWindow:
    """City lights out of focus behind a window; drops refract them and run down."""

    LIGHTS: tuple[Colour, ...] = (
        (255, 190, 90),
        (255, 110, 90),
        (120, 200, 255),
        (250, 240, 210),
        (140, 255, 190),
        (255, 150, 200),
    )
    RUNNING = 9

    def __init__(self, random: Random) -> None:
        lights = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        for _ in range(60):
            x, y = random.uniform(0, WIDTH), np.clip(random.normal(230, 60), 40, HEIGHT)
            radius = random.uniform(9, 30)
            mask = disc(HEIGHT, WIDTH, x, y, radius, 3)
            rim = mask * (
                0.7
                + 0.3
                * np.clip(
                    np.hypot(*(axis - at for axis, at in zip(grid(HEIGHT, WIDTH), (y, x), strict=True)))
                    / radius,
                    0,
                    1,
                )
            )
            colour = np.array(self.LIGHTS[int(random.integers(len(self.LIGHTS)))], np.float32)
            lights += colour * (rim * random.uniform(0.25, 0.75))[..., None]
        street = gradient(HEIGHT, WIDTH, [(0, (8, 12, 30)), (0.5, (30, 30, 56)), (1, (20, 18, 34))])
        self._street = to_image(street + lights)
        self._still = np.zeros((HEIGHT, WIDTH), np.float32)
        for _ in range(420):
            x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
            circle(self._still, x, y, random.uniform(1.2, 4.6), random.uniform(0.5, 1))
        self._drops = random.random((self.RUNNING, 4))

    def draw(self, time_s: float, view: View) -> Image:
        """Drops run down the pane; the camera may pan the street behind it."""
        drops = self._still.copy()
        for x, y, size, phase in self._drops:
            run_y = (
                math.fmod(y * 500 + time_s * (46 + 70 * size) + 12 * math.sin(time_s * 2.5 + phase * 6), 460)
                - 50
            )
            run_x = x * WIDTH + 8 * math.sin(run_y / 38 + phase * 6)
            trail = (x * WIDTH + 8 * math.sin((run_y - 70) / 38 + phase * 6), run_y - 70)
            line(drops, trail, (run_x, run_y), 0.35, 3)
            circle(drops, run_x, run_y, 5 + 3 * size, 1.2)
        drops = cv2.GaussianBlur(drops, (0, 0), 1.7)
        slope_x = cv2.Sobel(drops, cv2.CV_32F, 1, 0, ksize=3)
        slope_y = cv2.Sobel(drops, cv2.CV_32F, 0, 1, ksize=3)
        rows, columns = grid(HEIGHT, WIDTH)
        scale = 1 / view.zoom
        from_x = (columns - WIDTH / 2) * scale + WIDTH / 2 + view.x_px + slope_x * 30
        from_y = (rows - HEIGHT / 2) * scale + HEIGHT / 2 + view.y_px + slope_y * 30
        seen = cv2.remap(self._street, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        shine = np.clip(-slope_x - slope_y, 0, 3) * 24 - np.clip(slope_x + slope_y, 0, 3) * 14
        return to_image(seen + shine[..., None])

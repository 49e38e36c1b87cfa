"""Shaded balls on a checkered floor."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, Plane, View, crop, paste, to_image
from examples.footage.drawing import ellipse
from examples.footage.texture import Random, blend, gradient, grid, halo


class BouncingBalls:
    """Shaded balls bouncing on a checkered floor."""

    BALLS: tuple[tuple[float, int, Colour], ...] = (
        (0.14, 34, (226, 64, 60)),
        (0.32, 26, (60, 140, 226)),
        (0.50, 42, (250, 190, 60)),
        (0.68, 24, (70, 184, 120)),
        (0.85, 36, (164, 92, 210)),
    )
    HORIZON_PX = 150

    def __init__(self, random: Random) -> None:
        wall = gradient(HEIGHT, WIDTH, [(0, (70, 92, 120)), (0.42, (206, 214, 220)), (1, (206, 214, 220))])
        rows, columns = grid(HEIGHT, WIDTH)
        distance = 30000 / np.maximum(rows - self.HORIZON_PX, 1)
        across = (columns - WIDTH / 2) * distance / 240
        checks = np.sin(across * math.pi / 60) * np.sin(distance * math.pi / 60)
        sharp = np.clip(checks * np.maximum(rows - self.HORIZON_PX, 1) / 7, -1, 1) * 0.5 + 0.5
        floor = blend(
            np.broadcast_to(np.array((236, 228, 212), np.float32), (HEIGHT, WIDTH, 3)), (96, 74, 80), sharp
        )
        fog = np.exp(-np.maximum(rows - self.HORIZON_PX, 0) / 46)
        floor = blend(floor, (206, 214, 220), fog)
        room = np.where((rows > self.HORIZON_PX)[..., None], floor, wall)
        self._room = to_image(room * (0.7 + 0.35 * halo(HEIGHT, WIDTH, WIDTH * 0.4, 150, 460))[..., None])
        self._balls = []
        for index, (x, radius, colour) in enumerate(self.BALLS):
            depth = (0.35, 0.75, 0.2, 0.6, 0.45)[index]
            self._balls.append(
                (
                    x * WIDTH,
                    radius,
                    _sphere(radius, colour),
                    depth,
                    random.uniform(0, 1),
                    random.uniform(0.75, 1.0),
                )
            )

    def draw(self, time_s: float, view: View) -> Image:
        """Each ball bounces with its own period; the camera may zoom in."""
        canvas = self._room.copy()
        shade = np.zeros((HEIGHT, WIDTH), np.float32)
        places = []
        for x, radius, sprite, depth, phase, period_s in self._balls:
            ground = HEIGHT - 26 - depth * 90
            share = (time_s / period_s + phase) % 1.0
            height = 4 * share * (1 - share) * (120 + 90 * phase)
            sway = x + 18 * math.sin(time_s * 0.9 + phase * 7)
            places.append((ground, sway, ground - radius - height, sprite))
            strength = 0.75 / (1 + height / 60)
            axes = (radius * (1 + height / 260), radius * 0.3)
            ellipse(shade, sway + 12, ground, axes, strength)
        shade = cv2.GaussianBlur(shade, (0, 0), 4)
        canvas = to_image(canvas * (1 - shade * 0.8)[..., None])
        for _, x, y, (colour, mask) in sorted(places, key=lambda item: item[0]):
            paste(canvas, colour, mask, x, y)
        return crop(canvas, view)


def _sphere(radius: int, colour: Colour) -> tuple[Image, Plane]:
    size = 2 * radius + 4
    rows, columns = grid(size, size)
    x, y = (columns - size / 2 + 0.5) / radius, (rows - size / 2 + 0.5) / radius
    squared = x * x + y * y
    z = np.sqrt(np.clip(1 - squared, 0, 1))
    light = np.clip(-0.45 * x - 0.6 * y + 0.66 * z, 0, 1)
    shine = np.clip(-0.36 * x - 0.5 * y + 0.79 * z, 0, 1) ** 40
    shade = np.array(colour, np.float32) * (0.25 + 0.85 * light)[..., None] + 200 * shine[..., None]
    mask = np.clip((1 - np.sqrt(squared)) * radius + 0.5, 0, 1)
    return to_image(shade.astype(np.float32)), mask.astype(np.float32)

"""Curtains of green light over dark mountains."""

from __future__ import annotations

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Image, Layer, View, to_image
from examples.footage.scenes.night_sky import add_stars
from examples.footage.texture import Random, below, gradient, grid, ridge, seamless, smoothstep

SPAN = 1100


class Aurora:
    """Curtains of green light over dark mountains."""

    def __init__(self, random: Random) -> None:
        sky = gradient(HEIGHT, SPAN, [(0, (6, 10, 34)), (0.6, (16, 36, 70)), (1, (34, 66, 86))])
        self._sky = Layer(add_stars(random, sky, 420), None, 0.1)
        line = HEIGHT + 40 - 20 - ridge(random, SPAN, bumps=4) * 130
        rock = gradient(HEIGHT + 80, SPAN, [(0, (14, 24, 40)), (0.7, (10, 18, 30)), (1, (4, 8, 14))])
        self._mountains = Layer(rock, below(line, HEIGHT + 80), 0.8)
        self._noise = seamless(random, 256, cells=8, octaves=4)

    def draw(self, time_s: float, view: View) -> Image:
        """The curtains shimmer and drift; the camera may pan."""
        canvas = self._sky.paint(np.zeros((HEIGHT, WIDTH, 3), np.uint8), view)
        rows, columns = grid(HEIGHT // 4, WIDTH // 4)
        x = columns * 4 + view.x_px * 0.3
        y = rows * 4 + view.y_px * 0.3
        light = np.zeros((*rows.shape, 3), np.float32)
        for band in range(3):
            foot = (
                150
                + 42 * band
                + 34 * np.sin(x / (120 + 40 * band) + time_s * 0.5 + 2 * band)
                + 15 * np.sin(x / 43 - time_s * 0.9 + band)
            )
            height = foot - y
            column = np.mod(x * 1.3 + band * 80 + time_s * 22, 256).astype(np.float32)
            shimmer = np.full_like(column, (band * 60 + time_s * 14) % 256)
            strength = cv2.remap(self._noise, column, shimmer, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
            fall = np.where(height > 0, np.exp(-height / (46 + 14 * band)), np.exp(height / 7)) * smoothstep(
                0.25, 0.85, strength
            )
            share = np.clip(height / 130, 0, 1)[..., None]
            colour = (
                np.array((54, 255, 140), np.float32) * (1 - share)
                + np.array((190, 70, 220), np.float32) * share
            )
            light += colour * fall[..., None] * (0.95 - 0.2 * band)
        lights = to_image(cv2.resize(light, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
        return self._mountains.paint(cv2.add(canvas, lights), view)

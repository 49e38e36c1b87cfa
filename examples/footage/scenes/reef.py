"""Under water: light from above, bubbles, a shoal of fish."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Image, Layer, View, place, to_image
from examples.footage.drawing import circle, ellipse, polygon, tint
from examples.footage.texture import Random, below, fractal, gradient, grid, ridge, seamless, smoothstep

NOISE_SIZE = 512


class Reef:
    """Under water: light from above, bubbles, a shoal of fish."""

    FISH = 26
    BUBBLES = 40

    def __init__(self, random: Random) -> None:
        deep = gradient(
            HEIGHT + 120, WIDTH + 240, [(0, (120, 214, 220)), (0.4, (28, 132, 168)), (1, (6, 42, 84))]
        )
        self._water = Layer(deep, None, 0.2)
        self._floor = [self._sea_floor(random, near) for near in (0.3, 1.0)]
        self._noise = seamless(random, NOISE_SIZE, cells=8, octaves=3)
        self._fish = np.column_stack(
            [
                random.uniform(-260, 420, self.FISH),
                random.normal(160, 46, self.FISH),
                random.uniform(0.6, 1.3, self.FISH),
                random.uniform(0, math.tau, self.FISH),
            ]
        )
        self._bubbles = random.random((self.BUBBLES, 4))

    def draw(self, time_s: float, view: View) -> Image:
        """The shoal swims to the right, bubbles rise; the camera may pan and zoom."""
        canvas = self._water.paint(np.zeros((HEIGHT, WIDTH, 3), np.uint8), view)
        canvas = self._floor[0].paint(canvas, view)
        canvas = cv2.add(canvas, self._rays(time_s, view))
        for x, y, size, phase in self._fish:
            swim_x = x + time_s * 62 * (0.8 + 0.3 * size)
            swim_y = y + 9 * math.sin(phase + time_s * 2.0)
            _draw_fish(canvas, *place(view, 0.6, swim_x, swim_y), size, math.sin(phase + time_s * 11))
        canvas = self._floor[1].paint(canvas, view)
        lights = np.zeros_like(canvas)
        for x, y, size, phase in self._bubbles:
            rise_y = HEIGHT + 20 - math.fmod(y * 420 + time_s * (34 + 50 * size), 420)
            rise_x = x * WIDTH + 7 * math.sin(phase * 6 + time_s * 3)
            at_x, at_y, scale = place(view, 0.8, rise_x, rise_y)
            circle(lights, at_x, at_y, (1.2 + 3.6 * size) * scale, (110, 150, 150), 1)
        return cv2.add(canvas, lights)

    def _rays(self, time_s: float, view: View) -> Image:
        rows, columns = grid(HEIGHT // 4, WIDTH // 4)
        angle = (columns * 4 - view.x_px * 0.3 - WIDTH * 0.5) / (rows * 4 + 190)
        x = np.mod(angle * 130 + 60, NOISE_SIZE).astype(np.float32)
        rays = np.ones_like(x)
        for speed, offset in ((7.0, 0.0), (-5.0, 200.0)):
            y = np.full_like(x, (offset + time_s * speed) % NOISE_SIZE)
            rays = rays * cv2.remap(self._noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP) * 1.6
        rays = smoothstep(0.45, 1.5, rays) * np.exp(-rows * 4 / 210)
        small = rays[..., None] * np.array((120, 150, 130), np.float32)
        return to_image(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR))

    def _sea_floor(self, random: Random, near: float) -> Layer:
        height, width = HEIGHT + 120, WIDTH + 320
        line = HEIGHT + 20 - ridge(random, width, bumps=6, octaves=6) * (120 - 50 * near)
        rows, _ = grid(height, width)
        stone = fractal(random, height, width, cells=(20, 30), octaves=4)[..., None]
        dark, light = np.array((8, 36, 62), np.float32), np.array((32, 104, 128), np.float32)
        colour = light * (1 - near) + dark * near + (stone - 0.5) * 46
        colour = colour * (1.1 - np.clip((rows - line[None, :]) / 160, 0, 0.7))[..., None]
        return Layer(colour.astype(np.float32), below(line, height), 0.3 + 0.7 * near)


def _draw_fish(canvas: Image, x: float, y: float, scale: float, size: float, tail: float) -> None:
    length = 17 * size * scale
    colour = tint((250, 170, 70), 0.55 + 0.35 * size)
    swing = tail * length * 0.22
    fin = [
        (x - length * 0.8, y),
        (x - length * 1.5, y - length * 0.42 + swing),
        (x - length * 1.35, y + swing * 0.8),
        (x - length * 1.5, y + length * 0.42 + swing),
    ]
    polygon(canvas, fin, colour)
    ellipse(canvas, x, y, (length, length * 0.42), colour)
    ellipse(canvas, x + length * 0.2, y, (length * 0.1, length * 0.36), (250, 244, 230))
    circle(canvas, x + length * 0.62, y - length * 0.1, length * 0.08, (20, 24, 30))

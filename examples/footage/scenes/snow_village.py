"""A village in the snow."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, Layer, View, glow, paint_layers, place
from examples.footage.drawing import box, circle, mix, polygon
from examples.footage.scenes.firs import SPAN, fir_row
from examples.footage.texture import Random, below, fractal, gradient, grid, ridge


class SnowVillage:
    """A village at dusk: warm windows, smoke, falling snow."""

    FLAKES = 320
    HOUSES = (
        (210, 268, 1.0),
        (330, 250, 0.8),
        (455, 272, 1.15),
        (565, 246, 0.75),
        (690, 270, 1.0),
        (800, 256, 0.85),
    )

    def __init__(self, random: Random) -> None:
        sky = gradient(
            HEIGHT,
            SPAN,
            [(0, (26, 36, 82)), (0.5, (84, 92, 148)), (0.75, (196, 150, 170)), (1, (230, 190, 180))],
        )
        self._layers = [
            Layer(sky, None, 0.05),
            _snow_hill(random, 0.0),
            fir_row(random, 0.3, (70, 84, 122), snow=0.55),
        ]
        self._ground = _snow_hill(random, 0.7)
        self._houses = [(x - 110, y, size, random.uniform(0, math.tau)) for x, y, size in self.HOUSES]
        self._front = fir_row(random, 0.9, (26, 36, 62), snow=0.75, sparse=True)
        self._flakes = random.random((self.FLAKES, 3))

    def draw(self, time_s: float, view: View) -> Image:
        """Snow falls and smoke rises; the camera may pan and zoom."""
        canvas = self._ground.paint(paint_layers(self._layers, view), view)
        lights = np.zeros_like(canvas)
        for x, y, size, phase in sorted(self._houses, key=lambda house: house[1]):
            at_x, at_y, scale = place(view, 0.7, x, y)
            _draw_house(canvas, lights, at_x, at_y, size * scale, 0.9 + 0.1 * math.sin(time_s * 5 + phase))
            _draw_smoke(canvas, at_x + 17 * size * scale, at_y - 62 * size * scale, time_s + phase, scale)
        canvas = self._front.paint(glow(canvas, lights, 10), view)
        snow = np.zeros_like(canvas)
        for x, y, near in self._flakes:
            at_y = math.fmod(y * 400 + time_s * (28 + 60 * near), 400) - 20
            sway = (6 + 10 * near) * math.sin(time_s * 1.3 + x * 40)
            at_x = math.fmod(x * 740 + sway - 22 * time_s * near - view.x_px * near + 1480, 740) - 50
            light = round(120 + 120 * near)
            circle(snow, at_x, at_y, 0.8 + 1.9 * near**2, (light, light, light))
        return cv2.max(canvas, snow)


def _snow_hill(random: Random, near: float) -> Layer:
    height = 440
    line = (
        HEIGHT
        - 110
        + 40 * near
        - ridge(random, SPAN, bumps=3, octaves=3, gain=0.35) * 70 * (1 - 0.5 * near)
        + 40
    )
    rows, _ = grid(height, SPAN)
    drift = fractal(random, height, SPAN, cells=(12, 6), octaves=3)[..., None]
    base = np.array(mix((150, 156, 196), (206, 214, 240), near), np.float32)
    colour = base + (drift - 0.5) * 36 - np.clip((rows - line[None, :]) / 8, 0, 14)[..., None]
    return Layer(colour.astype(np.float32), below(line, height), 0.15 + 0.75 * near)


def _draw_house(canvas: Image, lights: Image, x: float, y: float, size: float, flicker: float) -> None:
    def wall(target: Image, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        box(target, x + left * size, y + top * size, x + right * size, y + bottom * size, colour)

    def roof(half: float, top: float, colour: Colour) -> None:
        polygon(canvas, np.array([(-half, -32), (0, top), (half, -32)]) * size + (x, y), colour)

    wall(canvas, -30, -34, 30, 4, (84, 58, 56))
    wall(canvas, 13, -62, 21, -40, (64, 48, 52))
    wall(canvas, 12, -64, 22, -60, (226, 232, 246))
    roof(38, -62, (226, 232, 246))
    roof(33, -57, (196, 206, 232))
    warm = (round(255 * flicker), round(190 * flicker), round(92 * flicker))
    for left in (-22, 8):
        wall(lights, left, -24, left + 13, -12, warm)
        wall(canvas, left + 6, -24, left + 7, -12, (60, 40, 36))
    wall(canvas, -5, -22, 5, 4, (52, 34, 34))


def _draw_smoke(canvas: Image, x: float, y: float, time_s: float, scale: float) -> None:
    puffs = canvas.copy()
    for index in range(9):
        age = (time_s * 0.35 + index / 9) % 1.0
        puff_x = x + 26 * age * scale + 5 * math.sin(6 * age + index)
        circle(puffs, puff_x, y - 70 * age * scale, (2.5 + 10 * age) * scale, (178, 180, 204))
    left, right = max(0, round(x - 30)), min(WIDTH, round(x + 60))
    top, bottom = max(0, round(y - 100)), min(HEIGHT, round(y + 12))
    if left < right and top < bottom:
        part = (slice(top, bottom), slice(left, right))
        canvas[part] = cv2.addWeighted(canvas[part], 0.68, puffs[part], 0.32, 0)

"""Hot-air balloons over rolling hills."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import (
    HEIGHT,
    WIDTH,
    Colour,
    Image,
    Layer,
    Plane,
    View,
    paint_layers,
    paste,
    place,
    to_image,
)
from examples.footage.texture import Random, below, blend, fractal, gradient, grid, ridge, smoothstep

SPAN = 1280
"""Width of the textures, so that the camera can pan by a picture's width."""


class BalloonHills:
    """Hot-air balloons that drift over rolling green hills."""

    COLOURS: tuple[tuple[Colour, Colour], ...] = (
        ((222, 62, 52), (250, 214, 90)),
        ((48, 118, 196), (240, 240, 236)),
        ((242, 146, 40), (126, 50, 120)),
        ((40, 152, 118), (250, 226, 120)),
        ((206, 70, 132), (250, 232, 214)),
    )

    def __init__(self, random: Random) -> None:
        sky = gradient(HEIGHT, SPAN, [(0, (62, 134, 214)), (0.7, (190, 222, 244)), (1, (240, 244, 238))])
        clouds = fractal(random, HEIGHT, SPAN, cells=(6, 7), octaves=6)
        sky = blend(sky, (255, 255, 255), smoothstep(0.52, 0.8, clouds) * 0.9)
        self._behind = [Layer(sky, None, 0.05), _hill(random, 0.0), _hill(random, 0.33)]
        self._front = [_hill(random, 0.66), _hill(random, 1.0)]
        self._balloons = []
        for index, colours in enumerate(self.COLOURS):
            radius = (46, 30, 60, 24, 36)[index]
            x = (0.16, 0.36, 0.62, 0.80, 0.93)[index] * WIDTH
            y = (0.42, 0.24, 0.40, 0.30, 0.20)[index] * HEIGHT
            self._balloons.append(
                (_balloon(radius, *colours), x, y, radius / 60, random.uniform(0, math.tau))
            )

    def draw(self, time_s: float, view: View) -> Image:
        """The balloons drift and rise; the camera may pan and zoom."""
        canvas = paint_layers(self._behind, view)
        for (colour, mask), x, y, near, phase in sorted(self._balloons, key=lambda balloon: balloon[3]):
            drift_x = x + time_s * 9 * near
            drift_y = y - time_s * 5 * near + 4 * math.sin(phase + time_s * 1.1)
            at_x, at_y, scale = place(view, 0.3 + 0.4 * near, drift_x, drift_y)
            size = (round(mask.shape[1] * scale), round(mask.shape[0] * scale))
            paste(canvas, cv2.resize(colour, size), cv2.resize(mask, size), at_x, at_y)
        for layer in self._front:
            canvas = layer.paint(canvas, view)
        return canvas


def _hill(random: Random, near: float) -> Layer:
    height = 440
    line = ridge(random, SPAN, bumps=3, octaves=3, gain=0.3)
    top = 250 + 70 * near - line * (70 - 25 * near)
    rows, columns = grid(height, SPAN)
    depth_px = np.maximum(rows - top[None, :], 0)
    grass = fractal(random, height, SPAN, cells=(30, 20), octaves=4)
    stripes = 0.5 + 0.5 * np.sin((columns + (rows - top[None, :]) * 2.2) / (9 + 14 * near))
    far, close = np.array((146, 178, 150), np.float32), np.array((70, 134, 48), np.float32)
    base = far * (1 - near) + close * near
    colour = base + (grass[..., None] - 0.5) * np.array((50, 56, 30), np.float32) * (0.4 + near)
    field = smoothstep(0.45, 0.55, fractal(random, height, SPAN, cells=(3, 6), octaves=2))
    colour = blend(colour.astype(np.float32), (214, 190, 92), field * stripes * 0.5)
    colour = colour * (1.12 - np.clip(depth_px / 260, 0, 0.45))[..., None]
    return Layer(colour, below(top, height), 0.15 + 0.85 * near**1.5)


def _balloon(radius: int, first: Colour, second: Colour) -> tuple[Image, Plane]:
    height, width = round(radius * 2.9), radius * 2 + 4
    rows, columns = grid(height, width)
    x = (columns - width / 2) / radius
    y = (rows - radius - 2) / radius
    lower = np.clip(1 - (np.maximum(y, 0) / 1.62) ** 2.1, 0, 1) ** 0.8
    narrowing = np.where(y > 0, lower, np.sqrt(np.clip(1 - y * y, 0, 1)))
    inside = np.clip((narrowing - np.abs(x)) * radius + 0.5, 0, 1) * (y < 1.28)
    across = np.arcsin(np.clip(x / np.maximum(narrowing, 0.05), -1, 1))
    stripe = smoothstep(-0.25, 0.25, np.sin(across * 5).astype(np.float32))
    colour = blend(np.broadcast_to(np.array(first, np.float32), (height, width, 3)), second, stripe)
    light = 0.62 + 0.5 * np.clip(np.cos(across + 0.6), 0, 1) - 0.22 * np.clip(y, 0, 1)
    colour = colour * light[..., None]
    basket = (np.abs(x) < 0.17) & (y > 1.55) & (y < 1.82)
    ropes = (np.abs(np.abs(x) - (0.17 + (1.55 - y) * 0.35)) < 0.8 / radius) & (y >= 1.25) & (y <= 1.55)
    colour = blend(colour.astype(np.float32), (98, 64, 36), (basket | ropes).astype(np.float32))
    mask = np.clip(inside + basket + ropes * 0.8, 0, 1).astype(np.float32)
    return to_image(colour), mask

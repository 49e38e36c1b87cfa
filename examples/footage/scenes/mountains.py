"""Mountain ranges in morning haze."""

from __future__ import annotations

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, Image, Layer, Plane, View, paint_layers
from examples.footage.texture import (
    Random,
    below,
    blend,
    disc,
    fractal,
    gradient,
    grid,
    halo,
    normalise,
    ridge,
    smoothstep,
)

SPAN = 1280
"""Width of the textures, so that the camera can pan by a picture's width."""


class Mountains:
    """Ranges in morning haze under a low sun."""

    def __init__(self, random: Random) -> None:
        self._layers = [Layer(_morning_sky(random), None, 0.03)]
        ranges = 5
        for index in range(ranges):
            near = index / (ranges - 1)
            self._layers.append(_mountain_range(random, near))

    def draw(self, time_s: float, view: View) -> Image:
        """Nothing moves but the camera."""
        return paint_layers(self._layers, view)


def _morning_sky(random: Random) -> Plane:
    sky = gradient(
        HEIGHT,
        SPAN,
        [(0, (58, 92, 150)), (0.35, (150, 158, 190)), (0.55, (250, 196, 150)), (1, (255, 226, 170))],
    )
    sun_x, sun_y = SPAN * 0.60, HEIGHT * 0.24
    sky = blend(sky, (255, 214, 150), halo(HEIGHT, SPAN, sun_x, sun_y, 190) * 0.75)
    clouds = fractal(random, HEIGHT, SPAN, cells=(9, 5), octaves=5)
    sky = blend(sky, (255, 236, 220), smoothstep(0.5, 0.85, clouds) * 0.7)
    return blend(sky, (255, 250, 232), disc(HEIGHT, SPAN, sun_x, sun_y, 21, 2.5))


def _mountain_range(random: Random, near: float) -> Layer:
    height = 420
    line = ridge(random, SPAN, bumps=3 + round(3 * near), octaves=8, gain=0.48)
    top = 85 + 165 * near + (1 - line) * (150 - 70 * near)
    mask = below(top, height)
    rows, _ = grid(height, SPAN)
    depth_px = np.maximum(rows - top[None, :], 0)
    slope = 1 - np.abs(2 * fractal(random, height, SPAN, cells=(4, 14), octaves=6) - 1)
    smooth = cv2.GaussianBlur(slope, (0, 0), 1.6)
    light = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=5) + 0.4 * cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=5)
    light = np.clip(light / (2 * float(light.std())), -1, 1)
    dark = np.array((30, 44, 58), np.float32)
    haze = np.array((206, 184, 190), np.float32)
    base = dark * near**0.7 + haze * (1 - near**0.7)
    colour = base[None, None, :] + (light * (22 + 12 * near))[..., None] * np.array(
        (1.15, 1.0, 0.85), np.float32
    )
    if near < 0.7:
        snow = smoothstep(0.5, 0.75, normalise(slope * 0.8 - depth_px / 110)) * (1 - 0.8 * near)
        colour = blend(colour, (250, 236, 232), snow * np.clip(0.7 + 0.6 * light, 0, 1))
    else:
        colour = blend(colour, (44, 66, 46), smoothstep(0.4, 0.7, slope) * 0.6)
    mist = np.clip(depth_px / 190, 0, 1) * (0.75 - 0.45 * near)
    return Layer(blend(colour.astype(np.float32), (238, 206, 186), mist), mask, 0.12 + 0.88 * near**1.6)

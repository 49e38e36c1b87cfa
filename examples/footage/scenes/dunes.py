"""Desert dunes in evening light."""

from __future__ import annotations

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, Image, Layer, View, paint_layers
from examples.footage.texture import (
    Random,
    below,
    blend,
    disc,
    fractal,
    gradient,
    grid,
    halo,
    ridge,
    smoothstep,
)

SPAN = 1280
"""Width of the textures, so that the camera can pan by a picture's width."""


class Dunes:
    """Desert dunes in evening light."""

    def __init__(self, random: Random) -> None:
        sky = gradient(
            HEIGHT,
            SPAN,
            [(0, (52, 70, 128)), (0.4, (206, 130, 130)), (0.62, (252, 190, 120)), (1, (255, 220, 150))],
        )
        sky = blend(sky, (255, 240, 200), halo(HEIGHT, SPAN, SPAN * 0.62, HEIGHT * 0.30, 120) * 0.6)
        sky = blend(sky, (255, 250, 226), disc(HEIGHT, SPAN, SPAN * 0.62, HEIGHT * 0.30, 24, 2.5))
        self._layers = [Layer(sky, None, 0.05)]
        self._layers += [_dune(random, near) for near in (0.0, 0.35, 0.7, 1.0)]

    def draw(self, time_s: float, view: View) -> Image:
        """Nothing moves but the camera."""
        return paint_layers(self._layers, view)


def _dune(random: Random, near: float) -> Layer:
    height = 460
    crest = 1 - np.abs(2 * ridge(random, SPAN, bumps=2 + round(2 * near), octaves=2, gain=0.25) - 1)
    top = 235 + 95 * near - cv2.GaussianBlur(crest[None, :], (0, 0), 6)[0] * (80 - 10 * near)
    rows, columns = grid(height, SPAN)
    depth_px = np.maximum(rows - top[None, :], 0)
    slope = np.gradient(cv2.GaussianBlur(top[None, :], (0, 0), 10)[0])
    edge = columns - depth_px * 0.8 + 9 * np.sin(depth_px / 17)
    facing = np.interp(np.clip(edge, 0, SPAN - 1), np.arange(SPAN), slope).astype(np.float32)
    lit = smoothstep(-0.12, 0.12, facing)
    ripples = np.sin(
        depth_px * (0.9 - 0.5 * near) + 5 * fractal(random, height, SPAN, cells=(4, 8), octaves=3)
    )
    grain = fractal(random, height, SPAN, cells=(60, 100), octaves=2) - 0.5
    bright, shade = np.array((246, 178, 98), np.float32), np.array((128, 70, 66), np.float32)
    colour = bright * lit[..., None] + shade * (1 - lit[..., None])
    colour += (ripples * 6 * (0.3 + near) * np.exp(-depth_px / 120) + grain * 26)[..., None]
    haze = (1 - near) * 0.55
    return Layer(
        blend(colour.astype(np.float32), (248, 190, 140), haze), below(top, height), 0.15 + 0.85 * near
    )

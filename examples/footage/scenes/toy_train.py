"""A toy train on a viaduct."""

from __future__ import annotations

import math

import cv2
import numpy as np

from examples.footage.canvas import HEIGHT, WIDTH, Colour, Image, Layer, View, paint_layers, place
from examples.footage.drawing import box, circle, line, tint
from examples.footage.texture import Random, below, blend, fractal, gradient, grid, ridge, smoothstep


class ToyTrain:
    """A train that crosses a viaduct between hills."""

    TRACK_PX = 236
    SPEED_PX_S = 92.0

    def __init__(self, random: Random) -> None:
        width = WIDTH + 360
        sky = gradient(HEIGHT, width, [(0, (108, 178, 226)), (0.55, (206, 230, 236)), (0.7, (250, 238, 214))])
        sky = blend(
            sky,
            (255, 255, 255),
            smoothstep(0.55, 0.8, fractal(random, HEIGHT, width, cells=(7, 5), octaves=6)) * 0.85,
        )
        self._layers = [
            Layer(sky, None, 0.05),
            _hills(random, width, 0.0),
            _hills(random, width, 0.5),
            _viaduct(width),
        ]
        self._front = _hills(random, width, 1.0)

    def draw(self, time_s: float, view: View) -> Image:
        """The train crosses from left to right; the camera may follow it."""
        canvas = paint_layers(self._layers, view)
        x, y, scale = place(view, 1.0, 150 + self.SPEED_PX_S * time_s, self.TRACK_PX)
        turn = self.SPEED_PX_S * time_s / 11
        self._draw_smoke(canvas, x + 34 * scale, y - 62 * scale, time_s, scale)
        for index, colour in enumerate(((206, 60, 54), (46, 110, 170), (236, 176, 60), (64, 146, 96))):
            _draw_wagon(
                canvas,
                x - (0 if index == 0 else 30 + 86 * index) * scale,
                y,
                scale,
                turn,
                colour,
                engine=index == 0,
            )
        return self._front.paint(canvas, view)

    def _draw_smoke(self, canvas: Image, x: float, y: float, time_s: float, scale: float) -> None:
        for index in range(12):
            age = (time_s * 0.8 + index / 12) % 1.0
            light = round(236 - 30 * age)
            circle(
                canvas,
                x - age * 150 * scale,
                y - (10 + 54 * age**0.7) * scale + 4 * math.sin(index),
                (5 + 15 * age) * scale,
                (light, light, light),
            )


def _draw_wagon(
    canvas: Image, x: float, y: float, scale: float, turn: float, colour: Colour, *, engine: bool
) -> None:
    def part(left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        box(canvas, x + left * scale, y + top * scale, x + right * scale, y + bottom * scale, fill)

    if engine:
        part(-42, -36, 44, -10, colour)
        part(-42, -62, -12, -10, tint(colour, 0.82))
        part(-46, -66, -8, -60, (44, 44, 52))
        part(-36, -56, -18, -42, (206, 232, 244))
        part(28, -56, 40, -36, (44, 44, 52))
        part(25, -60, 43, -55, (206, 166, 70))
        part(4, -44, 16, -36, (206, 166, 70))
    else:
        part(-40, -46, 40, -10, colour)
        part(-43, -50, 43, -45, tint(colour, 0.7))
        for left in (-33, -13, 7, 23):
            part(left, -40, left + 12, -26, (222, 238, 244))
        part(38, -16, 48, -12, (44, 44, 52))
    part(-40, -12, 42, -7, (44, 44, 52))
    for wheel in (-28, 0, 28) if engine else (-26, 26):
        center_x, center_y = x + wheel * scale, y - 9 * scale
        circle(canvas, center_x, center_y, 10 * scale, (40, 40, 46))
        circle(canvas, center_x, center_y, 7 * scale, (170, 60, 50))
        for spoke in range(3):
            angle = turn + spoke * math.pi / 3
            dx, dy = 7 * scale * math.cos(angle), 7 * scale * math.sin(angle)
            line(canvas, (center_x - dx, center_y - dy), (center_x + dx, center_y + dy), (60, 30, 30), 2)


def _viaduct(width: int) -> Layer:
    height = HEIGHT + 60
    track = ToyTrain.TRACK_PX + 30
    rows, columns = grid(height, width)
    in_arch = np.abs((columns % 96) - 48)
    opening = (in_arch < 36) & (rows > track + 30 + 34 - np.sqrt(np.maximum(36**2 - in_arch**2, 0)))
    mask = ((rows >= track) & ~opening).astype(np.float32)
    brick = 12 * (np.sin(rows * math.pi / 5) > 0.8) + 8 * (
        np.sin(columns * math.pi / 9 + (rows // 10) * 1.6) > 0.9
    )
    colour = np.empty((height, width, 3), np.float32)
    colour[:] = (186, 142, 112)
    colour -= brick[..., None]
    colour[track : track + 5] = (112, 84, 70)
    return Layer(colour, cv2.GaussianBlur(mask, (0, 0), 0.6), 1.0)


def _hills(random: Random, width: int, near: float) -> Layer:
    height = HEIGHT + 80
    line = (
        190
        + 60 * near
        + (104 if near == 1.0 else 0)
        - ridge(random, width, bumps=3, octaves=4, gain=0.35) * (80 - 40 * near)
    )
    grass = fractal(random, height, width, cells=(30, 40), octaves=4)[..., None]
    far, close = np.array((150, 188, 168), np.float32), np.array((78, 136, 64), np.float32)
    colour = far * (1 - near) + close * near + (grass - 0.5) * 44 * (0.4 + near)
    return Layer(colour.astype(np.float32), below(line + 10, height), 0.2 + 0.9 * near)

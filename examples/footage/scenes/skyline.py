"""A city at night."""

from __future__ import annotations

import numpy as np

from examples.footage.canvas import HEIGHT, Image, Layer, Plane, View, glow, paint_layers, place
from examples.footage.drawing import circle, line, polygon
from examples.footage.texture import Random, blend, disc, fractal, gradient, halo, smoothstep

SPAN = 1400
WINDOW_COLOURS = np.array([(255, 220, 140), (255, 196, 110), (200, 224, 255), (255, 236, 200)], np.float32)


class Skyline:
    """Towers with lit windows, a moon, cars on the road in front."""

    CARS = 16

    def __init__(self, random: Random) -> None:
        sky = gradient(
            HEIGHT,
            SPAN,
            [(0, (10, 14, 44)), (0.55, (58, 44, 96)), (0.8, (150, 84, 104)), (1, (190, 110, 100))],
        )
        sky = blend(
            sky, (190, 190, 230), smoothstep(0.55, 0.9, fractal(random, HEIGHT, SPAN, cells=(8, 5))) * 0.25
        )
        sky = blend(sky, (150, 150, 190), halo(HEIGHT, SPAN, SPAN * 0.64, 70, 90) * 0.5)
        sky = blend(sky, (244, 240, 224), disc(HEIGHT, SPAN, SPAN * 0.64, 70, 25, 2))
        self._layers = [Layer(sky, None, 0.04)]
        self._layers += [_buildings(random, near) for near in (0.0, 0.5, 1.0)]
        self._layers.append(_road())
        self._cars = [
            (random.uniform(-400, 1000), random.uniform(70, 150), int(random.integers(2)))
            for _ in range(self.CARS)
        ]

    def draw(self, time_s: float, view: View) -> Image:
        """Cars pass both ways; the camera may pan and zoom."""
        canvas = paint_layers(self._layers, view)
        lights = np.zeros_like(canvas)
        for start_px, speed, lane in self._cars:
            direction = 1 if lane else -1
            x, y, scale = place(view, 1.0, start_px + direction * speed * time_s, 322 + 19 * lane)
            _draw_car(canvas, lights, x, y, scale * (1.0 + 0.25 * lane), direction)
        return glow(canvas, lights, 7)


def _buildings(random: Random, near: float) -> Layer:
    height = 400
    haze = np.array((112, 74, 112), np.float32) * (1 - near) + np.array((16, 16, 34), np.float32) * near
    colour = np.zeros((height, SPAN, 3), np.float32)
    mask = np.zeros((height, SPAN), np.float32)
    x, ground = 0, 320
    cell = round(4 + 4 * near)
    while x < SPAN:
        width = int(random.integers(26, 62) * (0.7 + 0.6 * near))
        tall = int(random.integers(60, 190) * (1.15 - 0.4 * near) + 40 * (1 - near))
        top, right = max(30, ground - tall), min(x + width, SPAN)
        shade = haze * random.uniform(0.8, 1.15)
        colour[top:, x:right] = shade
        mask[top:, x:right] = 1
        if random.random() < 0.25:
            mast = (x + right) // 2
            colour[top - 22 : top, mast : mast + 2] = shade
            mask[top - 22 : top, mast : mast + 2] = 1
        _light_windows(random, colour[top:ground, x:right], cell, 0.3 + 0.7 * near)
        x = right + int(random.integers(0, 14) * near)
    return Layer(colour, mask, 0.18 + 0.62 * near)


def _light_windows(random: Random, wall: Plane, cell: int, strength: float) -> None:
    lit_share = random.uniform(0.15, 0.6)
    for y in range(cell, len(wall) - cell, cell + 2):
        for x in range(2, wall.shape[1] - cell + 1, cell):
            if random.random() < lit_share:
                light = WINDOW_COLOURS[int(random.integers(len(WINDOW_COLOURS)))]
                share = strength * random.uniform(0.4, 1.0)
                pane = wall[y : y + cell - 1, x : x + cell - 2]
                pane[:] = pane * (1 - share) + light * share


def _road() -> Layer:
    height, width = 480, SPAN
    colour = gradient(height, width, [(0, (20, 20, 32)), (0.78, (26, 26, 40)), (1, (50, 46, 62))])
    mask = np.zeros((height, width), np.float32)
    mask[366:] = 1
    colour[366:370] = (84, 78, 92)
    for x in range(0, width, 60):
        colour[391:393, x : x + 30] = (170, 160, 150)
        post = x // 60
        if post % 3 == 0:
            colour[300:368, x : x + 3] = (40, 38, 50)
            mask[300:368, x : x + 3] = 1
            colour[298:302, x : x + 16] = (255, 226, 160)
            mask[298:302, x : x + 16] = 1
    return Layer(colour, mask, 1.0)


def _draw_car(canvas: Image, lights: Image, x: float, y: float, scale: float, direction: int) -> None:
    def at(dx: float, dy: float) -> tuple[float, float]:
        return x + dx * direction * scale, y + dy * scale

    corners = ((-17, 0), (-17, -6), (-9, -7), (-5, -12), (6, -12), (11, -6), (18, -5), (18, 0))
    polygon(canvas, [at(*corner) for corner in corners], (34, 36, 56))
    for wheel in (-10, 11):
        circle(canvas, *at(wheel, 0), 3.4 * scale, (8, 8, 12))
    line(lights, at(20, -3), at(42, -1), (120, 112, 84), round(3 * scale))
    circle(lights, *at(18, -3), 2.2 * scale, (255, 244, 206))
    circle(lights, *at(-17, -4), 1.8 * scale, (230, 40, 40))

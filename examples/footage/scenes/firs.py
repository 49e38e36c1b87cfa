"""Firs, in rain and in snow."""

from __future__ import annotations

import numpy as np

from examples.footage.canvas import HEIGHT, Colour, Layer, Plane
from examples.footage.drawing import mix, polygon
from examples.footage.texture import Random, below, ridge

SPAN = 1200


def fir_row(random: Random, near: float, colour: Colour, *, snow: float = 0.0, sparse: bool = False) -> Layer:
    """A row of firs on a slope; `snow` is how white their branches are."""
    height = 460
    line = HEIGHT - 92 + 128 * near - ridge(random, SPAN, bumps=3, octaves=4) * 40
    mask = below(line, height)
    image = np.empty((height, SPAN, 3), np.float32)
    image[:] = mix(colour, (232, 238, 250), snow)
    count = round((14 if sparse else 62) * (1.25 - 0.6 * near))
    for x in np.sort(random.uniform(0, SPAN, count)):
        if sparse and 0.28 < x / SPAN < 0.72 and random.random() < 0.8:
            continue
        tall = random.uniform(70, 130) * (0.55 + 1.05 * near)
        foot = float(line[int(x)]) + 6
        shade = mix(colour, (0, 0, 0), random.uniform(0, 0.22))
        _draw_fir(random, image, mask, x, foot, tall, shade, snow)
    return Layer(image, mask, 0.15 + 0.85 * near)


def _draw_fir(
    random: Random, image: Plane, mask: Plane, x: float, foot: float, tall: float, colour: Colour, snow: float
) -> None:
    tiers = 8
    for tier in range(tiers):
        share = tier / (tiers - 1)
        top = foot - tall * (1 - 0.82 * share)
        bottom = top + tall * 0.26
        half = tall * (0.05 + 0.21 * share)
        droop = random.uniform(0.8, 1.2, 2) * half
        points = np.array(
            [
                (x, top),
                (x + droop[1], bottom),
                (x + droop[1] * 0.4, bottom - tall * 0.03),
                (x - droop[0] * 0.4, bottom - tall * 0.03),
                (x - droop[0], bottom),
            ]
        )
        lighter = mix(colour, (236, 242, 252), snow * (0.25 + 0.5 * (tier % 2)))
        polygon(image, points, lighter)
        polygon(mask, points, 1.0)

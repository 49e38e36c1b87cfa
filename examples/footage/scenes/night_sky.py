"""A night sky."""

from __future__ import annotations

from examples.footage.canvas import Plane
from examples.footage.texture import Random


def add_stars(random: Random, sky: Plane, count: int) -> Plane:
    """Stars of different brightness put into a sky, which is returned."""
    height, width = sky.shape[:2]
    for _ in range(count):
        y, x = int(random.integers(height)), int(random.integers(width))
        light = random.random() ** 3 * 200 + 30
        sky[y, x] += light
        if light > 150:
            sky[y - 1 : y + 2, x - 1 : x + 2] += light * 0.35
    return sky

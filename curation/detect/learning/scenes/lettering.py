"""Writing that nobody reads: strokes in the place of letters, in words and lines."""

from __future__ import annotations

import cv2
import numpy as np

from curation.detect.learning.scenes.canvas import Floats, Rng

Colour = tuple[float, float, float]


def colour(values: Floats) -> Colour:
    """A colour as OpenCV takes it."""
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def write_line(
    rng: Rng, picture: Floats, x: float, y: float, width: float, height: float, ink: Floats
) -> float:
    """A line of words from (x, y), its top left, at most `width` long; returns where it ends."""
    end = x + width
    pen = max(1, round(height / 7))
    step = max(1.5, 0.6 * height)
    while x + 2 * step < end:
        letters = int(rng.integers(2, 10))
        for _ in range(min(letters, int((end - x) / step))):
            _letter(rng, picture, (x, y, step * 0.8, height), pen, ink)
            x += step
        x += step * 0.7
    return x


def write_block(
    rng: Rng, picture: Floats, box: tuple[float, float, float, float], height: float, ink: Floats
) -> None:
    """Lines of a paragraph in (x, y, width, height), the last one shorter."""
    x, y, width, tall = box
    gap = height * rng.uniform(1.4, 2.0)
    rows = max(1, int(tall / gap))
    for row in range(rows):
        share = rng.uniform(0.3, 0.8) if row == rows - 1 else rng.uniform(0.85, 1.0)
        write_line(rng, picture, x, y + row * gap, width * share, height, ink)


def _letter(rng: Rng, picture: Floats, box: tuple[float, float, float, float], pen: int, ink: Floats) -> None:
    x, y, width, height = box
    if rng.uniform() < 0.6:
        y, height = y + 0.3 * height, 0.7 * height
    if height < 3:
        top, left = int(y), int(x)
        part = picture[top : top + max(1, round(height)), left : left + max(1, round(width))]
        part += (ink - part) * np.float32(rng.uniform(0.35, 0.9))
        return
    left, right, top, bottom = int(x), int(x + width), int(y), int(y + height)
    middle = (top + bottom) // 2
    strokes = (
        ((left, top), (left, bottom)),
        ((right, top), (right, bottom)),
        ((left, top), (right, top)),
        ((left, middle), (right, middle)),
        ((left, bottom), (right, bottom)),
        ((left, bottom), (right, top)),
    )
    for index in rng.choice(len(strokes), int(rng.integers(2, 5)), replace=False):
        cv2.line(picture, *strokes[index], colour(ink), pen)

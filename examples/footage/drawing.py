"""Smooth shapes at fractions of a pixel, and colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from examples.footage.canvas import Colour

SHIFT = 4
"""OpenCV takes coordinates in 1/2^SHIFT pixels."""
UNIT = 1 << SHIFT

Points = Sequence[tuple[float, float]] | np.ndarray[Any, Any]


def polygon(canvas: np.ndarray[Any, Any], points: Points, colour: Colour | float) -> None:
    """Fill a polygon."""
    cv2.fillPoly(canvas, [np.round(np.asarray(points) * UNIT).astype(np.int32)], colour, cv2.LINE_AA, SHIFT)


def box(
    canvas: np.ndarray[Any, Any], left: float, top: float, right: float, bottom: float, colour: Colour
) -> None:
    """Fill a rectangle."""
    polygon(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], colour)


def circle(
    canvas: np.ndarray[Any, Any],
    x: float,
    y: float,
    radius: float,
    colour: Colour | float,
    thickness: int = cv2.FILLED,
) -> None:
    """Fill a circle, or draw its outline."""
    centre = (round(x * UNIT), round(y * UNIT))
    cv2.circle(canvas, centre, round(radius * UNIT), colour, thickness, cv2.LINE_AA, SHIFT)


def ellipse(
    canvas: np.ndarray[Any, Any], x: float, y: float, axes: tuple[float, float], colour: Colour | float
) -> None:
    """Fill an upright ellipse; `axes` are half its width and height."""
    centre = (round(x * UNIT), round(y * UNIT))
    half = (round(axes[0] * UNIT), round(axes[1] * UNIT))
    cv2.ellipse(canvas, centre, half, 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA, SHIFT)


def line(
    canvas: np.ndarray[Any, Any],
    start: tuple[float, float],
    end: tuple[float, float],
    colour: Colour | float,
    thickness: int = 1,
) -> None:
    """Draw a line."""
    first = (round(start[0] * UNIT), round(start[1] * UNIT))
    last = (round(end[0] * UNIT), round(end[1] * UNIT))
    cv2.line(canvas, first, last, colour, max(1, thickness), cv2.LINE_AA, SHIFT)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` where the share is 0, `second` where it is 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def tint(colour: Colour, light: float) -> Colour:
    """A colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = (min(255, round(channel * light)) for channel in colour)
    return red, green, blue

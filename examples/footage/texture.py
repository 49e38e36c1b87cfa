"""Procedural textures: fractal noise, ridge lines, gradients."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from examples.footage.canvas import Colour, Plane

Random = np.random.Generator


def fractal(
    random: Random, height: int, width: int, *, cells: tuple[int, int] = (4, 7), octaves: int = 5
) -> Plane:
    """Noise in 0..1 that is rough at every scale; `cells` is the coarsest grid (rows, columns)."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows, columns = min(cells[0] << octave, height), min(cells[1] << octave, width)
        grid = random.random((rows + 1, columns + 1), np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    return normalise(total)


def seamless(random: Random, size: int, *, cells: int = 8, octaves: int = 4) -> Plane:
    """Square noise in 0..1 whose edges meet, so that it can scroll for ever."""
    total = np.zeros((size, size), np.float32)
    for octave in range(octaves):
        count = min(cells << octave, size)
        grid = np.pad(random.random((count, count), np.float32), 2, mode="wrap")
        step = size // count
        scaled = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += scaled[2 * step : -2 * step, 2 * step : -2 * step] * 0.5**octave
    return normalise(total)


def ridge(random: Random, width: int, *, bumps: int = 3, octaves: int = 7, gain: float = 0.5) -> Plane:
    """A height line in 0..1, one value per column."""
    line = np.zeros(width, np.float32)
    for octave in range(octaves):
        grid = random.random((1, min(bumps << octave, width) + 1), np.float32)
        line += cv2.resize(grid, (width, 1), interpolation=cv2.INTER_CUBIC)[0] * gain**octave
    return normalise(line)


def below(line_px: Plane, height: int) -> Plane:
    """A mask that is 1 under a line (y per column), with a soft edge of a pixel."""
    rows = np.arange(height, dtype=np.float32)[:, None]
    return np.clip(rows - line_px[None, :] + 0.5, 0, 1).astype(np.float32)


def gradient(height: int, width: int, stops: Sequence[tuple[float, Colour]]) -> Plane:
    """Colours from top to bottom; each stop is a place in 0..1 and a colour."""
    places = [place for place, _ in stops]
    rows = np.linspace(0, 1, height)
    channels = [np.interp(rows, places, [colour[channel] for _, colour in stops]) for channel in range(3)]
    column = np.stack(channels, axis=-1).astype(np.float32)
    return np.repeat(column[:, None, :], width, axis=1)


def blend(first: Plane, second: Plane | Colour, weight: Plane | float) -> Plane:
    """`first` where the weight is 0, `second` where it is 1."""
    share = weight[..., None] if isinstance(weight, np.ndarray) else weight
    return (first * (1 - share) + np.asarray(second, np.float32) * share).astype(np.float32)


def disc(height: int, width: int, x_px: float, y_px: float, radius_px: float, soft_px: float = 1.0) -> Plane:
    """A mask of a disc with a soft edge."""
    rows, columns = grid(height, width)
    distance = np.hypot(columns - x_px, rows - y_px)
    return np.clip((radius_px - distance) / soft_px + 0.5, 0, 1).astype(np.float32)


def halo(height: int, width: int, x_px: float, y_px: float, radius_px: float) -> Plane:
    """A mask that is 1 at a point and falls off smoothly around it."""
    rows, columns = grid(height, width)
    squared = ((columns - x_px) ** 2 + (rows - y_px) ** 2) / radius_px**2
    return np.exp(-squared).astype(np.float32)


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Row and column of every pixel."""
    rows, columns = np.mgrid[0:height, 0:width]
    return rows.astype(np.float32), columns.astype(np.float32)


def normalise(values: Plane) -> Plane:
    """Stretched to 0..1."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low)).astype(np.float32)


def smoothstep(low: float, high: float, values: Plane) -> Plane:
    """0 below `low`, 1 above `high`, smooth in between."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)

"""What scenes are drawn on: small RGB pictures, four times as wide and high as what a detector sees."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

HEIGHT = 108
WIDTH = 192
SMALL_HEIGHT = 27
SMALL_WIDTH = 48


def reduced(frame: Bytes | Floats) -> Floats:
    """A frame as a detector sees it, float32 [27, 48, 3]: the mean over each 4x4 pixels."""
    small = cv2.resize(frame, (SMALL_WIDTH, SMALL_HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def to_bytes(image: Floats) -> Bytes:
    """Colours of 0..255, rounded and clipped."""
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def grid(height: int, width: int) -> tuple[Floats, Floats]:
    """y and x of every pixel, in heights and widths (0..1), float32 [H, W] each."""
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    return np.broadcast_to(y, (height, width)), np.broadcast_to(x, (height, width))


def filled(size: tuple[int, int], colour: Floats) -> Floats:
    """A picture of one colour, float32 [H, W, 3]."""
    return np.broadcast_to(colour.astype(np.float32), (*size, 3)).copy()


def pick(rng: Rng, weights: dict[str, float]) -> str:
    """A key, drawn by weight."""
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def smooth_noise(rng: Rng, num: int, period: float) -> npt.NDArray[np.float64]:
    """A wandering number for each frame, about -1..1, that changes over `period` frames."""
    knots = max(2, int(np.ceil(num / period)) + 3)
    values = rng.standard_normal(knots) * 0.6
    at = np.arange(num) / period + rng.uniform(0, 1)
    whole = np.clip(at.astype(int), 0, knots - 2)
    part = at - whole
    eased = part * part * (3 - 2 * part)
    return np.asarray(values[whole] * (1 - eased) + values[whole + 1] * eased)

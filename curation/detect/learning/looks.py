"""Augmentation of a shot: its colours, levels, orientation, sharpness and noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.pairs import ShotSource
from curation.detect.learning.pixels import blurred, looked_up

_NOISE_SAMPLES = 1 << 20
_REMEMBERED = 64


class AugmentedShots:
    """A source whose every shot has a look of its own; a shot asked to be like another shares its look."""

    def __init__(self, shots: ShotSource) -> None:
        self._shots = shots
        self._looks: dict[int, int] = {}

    def __call__(
        self, rng: np.random.Generator, num_frames: int, like: int | None = None
    ) -> tuple[Frames, int]:
        """A shot of the source, augmented."""
        frames, number = self._shots(rng, num_frames, like)
        seed = int(rng.integers(1 << 62))
        if like is not None:
            seed = self._looks.get(like, seed)
        if len(self._looks) >= _REMEMBERED:
            self._looks.clear()
        self._looks[number] = seed
        return with_look(np.random.default_rng(seed), frames), number


def with_look(rng: np.random.Generator, frames: Frames) -> Frames:
    """A shot with one look for all its frames, drawn at random.

    The odds and ranges of flips, contrast, brightness, equalisation and posterising are those of
    TransNetV2's training; saturation and hue go further, down to grey pictures.
    """
    if rng.random() < 0.5:
        frames = frames[:, :, ::-1]
    if rng.random() < 0.1:
        frames = frames[:, ::-1]
    if rng.random() < 0.5:
        frames = _saturated(rng, frames)
    frames = looked_up(frames, _levels(rng, frames))
    if rng.random() < 0.12:
        frames = blurred(frames, [rng.uniform(0.4, 1.5)] * len(frames))
    return _noisy(rng, frames) if rng.random() < 0.3 else frames


def _saturated(rng: np.random.Generator, frames: Frames) -> Frames:
    """Saturation and hue by one matrix; a tenth are grey, or grey with a tint such as sepia."""
    import cv2

    luma = np.array([[0.299, 0.587, 0.114]])
    saturation = 0.0 if rng.random() < 0.1 else rng.uniform(0.6, 1.4)
    angle = rng.uniform(-0.1, 0.1) * 2 * np.pi
    # A turn about the grey axis of the colour cube (Rodrigues' formula) changes the hue.
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    turn = np.eye(3) * np.cos(angle) + np.sin(angle) * cross + (1 - np.cos(angle)) / 3
    grey = np.repeat(luma, 3, 0)
    matrix = grey + saturation * (turn - grey)
    if saturation == 0 and rng.random() < 0.4:
        matrix = matrix * np.array([1.1, 1.0, rng.uniform(0.6, 0.9)])[:, None]
    flat = np.ascontiguousarray(frames).reshape(-1, frames.shape[-2], 3)
    result: Frames = cv2.transform(flat, matrix).reshape(frames.shape)
    return result


def _levels(rng: np.random.Generator, frames: Frames) -> Frames:
    """A table [256, 3] of contrast, brightness, gamma, tint, equalisation and posterising."""
    levels = np.repeat(np.linspace(0, 1, 256)[:, None], 3, 1)
    if rng.random() < 0.05:
        counts = np.bincount(frames[len(frames) // 2].ravel(), minlength=256)
        levels = np.repeat((counts.cumsum() / counts.sum())[:, None], 3, 1)
    if rng.random() < 0.7:
        levels = (levels - 0.5) * rng.uniform(0.8, 1.2) + 0.5 + rng.uniform(-0.1, 0.1)
    if rng.random() < 0.3:
        levels = np.clip(levels, 0, 1) ** np.exp(rng.uniform(-0.6, 0.6))
    if rng.random() < 0.2:
        levels = levels * np.exp(rng.normal(0, 0.12, 3))
    table: Frames = (np.clip(levels, 0, 1) * 255 + 0.5).astype(np.uint8)
    if rng.random() < 0.05:
        table &= np.uint8(256 - (1 << int(rng.integers(1, 5))))
    return table


def _noisy(rng: np.random.Generator, frames: Frames) -> Frames:
    """Grain of each frame, or dirt that stays where it is."""
    import cv2

    strength = rng.uniform(1, 7) if rng.random() < 0.8 else rng.uniform(7, 16)
    still = rng.random() < 0.1
    samples = frames[0].size if still else frames.size
    start = int(rng.integers(_NOISE_SAMPLES))
    noise = np.take(_grain(), np.arange(start, start + samples), mode="wrap").reshape(-1, *frames.shape[1:])
    noise = np.broadcast_to(noise, frames.shape) if still else noise
    flat = frames.reshape(len(frames), -1)
    flat_noise = np.ascontiguousarray(noise).reshape(len(frames), -1)
    result: Frames = cv2.addWeighted(flat, 1.0, flat_noise, strength, 0.0, dtype=cv2.CV_8U)
    return result.reshape(frames.shape)


@lru_cache(maxsize=1)
def _grain() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Normal noise of deviation 1, drawn once: drawing it anew takes longer than all else."""
    return np.random.default_rng(0).standard_normal(_NOISE_SAMPLES, np.float32)

"""Noise with the statistics of natural pictures: its amplitude falls with frequency."""

from __future__ import annotations

import cv2
import numpy as np

from curation.detect.learning.scenes.canvas import Bytes, Floats, Rng, to_bytes


def fractal_noise(
    rng: Rng, height: int, width: int, *, exponent: float = 1.2, stretch: float = 1.0, angle_rad: float = 0.0
) -> Floats:
    """A field of 0..1, float32 [H, W], that tiles, of amplitude 1 / frequency^exponent.

    `stretch` draws it out along a direction at `angle_rad`: grass, wood, clouds.
    """
    fy = np.fft.fftfreq(height)[:, None] * height / 108
    fx = np.fft.rfftfreq(width)[None, :] * width / 108
    along = fx * np.cos(angle_rad) + fy * np.sin(angle_rad)
    across = fy * np.cos(angle_rad) - fx * np.sin(angle_rad)
    radius = np.hypot(along * stretch, across / stretch)
    amplitude = (radius + 0.008) ** -exponent
    amplitude[0, 0] = 0
    shape = amplitude.shape
    phases = rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)
    field = np.fft.irfft2(phases * amplitude, s=(height, width))
    return np.asarray(np.clip(0.5 + 0.25 * field / (field.std() + 1e-9), 0, 1), np.float32)


def random_noise(rng: Rng, height: int, width: int) -> Floats:
    """Fractal noise of a drawn character: soft or busy, isotropic or with a grain."""
    plain = rng.uniform() < 0.5
    return fractal_noise(
        rng,
        height,
        width,
        exponent=float(rng.uniform(0.7, 1.9)),
        stretch=1.0 if plain else float(rng.uniform(1.2, 2.5)),
        angle_rad=float(rng.uniform(0, np.pi)),
    )


def coloured(field: Floats, ramp: Floats) -> Floats:
    """Colours of a ramp [256, 3] for a field of 0..1, float32 [H, W, 3]."""
    return ramp[np.clip(field * 255, 0, 255).astype(np.uint8)]


def regions(rng: Rng, height: int, width: int, count: int) -> Bytes:
    """Labels 0..count-1, uint8 [H, W], in patches with crooked edges."""
    coarse = np.stack([random_noise(rng, height // 4, width // 4) for _ in range(count)])
    labels = np.argmax(coarse, axis=0).astype(np.uint8)
    fine = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.medianBlur(fine, 5), np.uint8)


def skyline(rng: Rng, width: int, roughness: float) -> Floats:
    """Heights along a ridge, about -1..1, float32 [W], that wrap around."""
    frequencies = np.arange(1, width // 8)
    amplitude = frequencies.astype(float) ** -roughness
    phases = rng.uniform(0, 2 * np.pi, len(frequencies))
    at = np.arange(width)[:, None] / width
    ridge = (amplitude * np.cos(2 * np.pi * frequencies * at + phases)).sum(axis=1)
    return np.asarray(ridge / (np.abs(ridge).max() + 1e-9), np.float32)


def vignette(rng: Rng, height: int, width: int) -> Floats:
    """A factor for each pixel that falls towards the corners, float32 [H, W, 1]."""
    y = np.linspace(-1, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None, :]
    strength = rng.uniform(0.0, 0.6)
    return np.asarray(1 - strength * np.clip((x * x + y * y) / 2, 0, 1)[..., None], np.float32)


def lit(rng: Rng, picture: Floats) -> Bytes:
    """A picture under uneven light: a broad glow somewhere, shadow elsewhere."""
    height, width = picture.shape[:2]
    glow = fractal_noise(rng, height, width, exponent=2.5)
    strength = rng.uniform(0.1, 0.8)
    return to_bytes(picture * (1 - strength / 2 + strength * glow[..., None]))

"""The look of a film, a talk or a game: its colours. Shots of one look cut together as one scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.detect.learning.scenes.canvas import Floats, Rng, pick

_NATURAL_HUES = (0.04, 0.08, 0.11, 0.25, 0.33, 0.5, 0.57, 0.62)
"""Skin, wood, sand, grass, leaves, water, sky, dusk (hue 0..1)."""

_PART_HUES = ((0.55, 0.58, 0.61, 0.09), (0.22, 0.28, 0.33, 0.1), (0.07, 0.1, 0.6), (0.03, 0.08, 0.5, 0.95))
"""Hues of what is behind, below, built and worn."""

MOODS = {
    "plain": 5.0,
    "grey": 1.0,
    "warm": 1.0,
    "cold": 1.0,
    "vivid": 1.2,
    "wild": 0.8,
    "dark": 1.2,
    "bright": 0.8,
    "fog": 0.5,
}


@dataclass(frozen=True)
class Look:
    """Colours in 0..255. `ramps` [4, 256, 3] run from dark to light, one for each part of a picture;
    `accents` [8, 3] are those of objects; `paper` and `ink` those of pages; `seed` draws the rest."""

    mood: str
    ramps: Floats
    accents: Floats
    paper: Floats
    ink: Floats
    seed: int


def draw_look(rng: Rng, mood: str | None = None) -> Look:
    """A look of some mood, or of one drawn."""
    mood = mood or pick(rng, MOODS)
    low, high, saturation, spread = _ranges(rng, mood)
    base = float(rng.choice(_NATURAL_HUES)) if mood != "wild" else float(rng.uniform())
    hues_of_parts = [base + rng.normal(0, spread * 2) for _ in range(4)]
    if mood in ("plain", "dark", "bright") and rng.uniform() < 0.75:
        hues_of_parts = [float(rng.choice(hues)) + rng.normal(0, 0.015) for hues in _PART_HUES]
    ramps = np.stack([_ramp(rng, hue, low, high, saturation, spread) for hue in hues_of_parts])
    hues = rng.uniform(0, 1, 8) if rng.uniform() < 0.5 else base + rng.normal(0, spread, 8)
    accents = hsv(
        hues,
        np.clip(saturation * rng.uniform(0.2, 2.2, 8), 0, 1),
        low + (high - low) * rng.uniform(0.0, 1.0, 8),
    )
    light = rng.uniform() < 0.65
    tint = rng.uniform(0, 0.12) if rng.uniform() < 0.7 else rng.uniform(0.1, 0.9)
    pale = hsv(base, tint, rng.uniform(0.85, 1.0))
    deep = hsv(base + rng.normal(0, 0.1), rng.uniform(0, 0.8), rng.uniform(0.0, 0.3))
    paper, ink = (pale, deep) if light else (deep, pale)
    return Look(mood, ramps, accents, paper, ink, int(rng.integers(1 << 62)))


def hsv(hue: object, saturation: object, value: object) -> Floats:
    """RGB of 0..255 for hue, saturation and value of 0..1 (hue wraps), shape [..., 3]."""
    h, s, v = np.broadcast_arrays(np.asarray(hue), np.asarray(saturation), np.asarray(value))
    offsets = np.array([5.0, 3.0, 1.0])
    k = (offsets + (h[..., None] % 1.0) * 6) % 6
    falls = np.clip(np.minimum(k, 4 - k), 0, 1)
    return np.asarray(255 * v[..., None] * (1 - s[..., None] * falls), np.float32)


def _ranges(rng: Rng, mood: str) -> tuple[float, float, float, float]:
    """Darkest and lightest value, saturation, and spread of hues."""
    low, high = rng.uniform(0.02, 0.15), rng.uniform(0.7, 1.0)
    saturation, spread = rng.uniform(0.15, 0.55), rng.uniform(0.01, 0.12)
    if mood == "grey":
        saturation = rng.uniform(0, 0.12)
    elif mood in ("vivid", "wild"):
        saturation, spread = rng.uniform(0.6, 1.0), rng.uniform(0.05, 0.4)
    elif mood == "dark":
        low, high = rng.uniform(0.0, 0.04), rng.uniform(0.12, 0.4)
    elif mood == "bright":
        low, high, saturation = rng.uniform(0.35, 0.65), 1.0, saturation * 0.5
    elif mood == "fog":
        middle = rng.uniform(0.3, 0.85)
        low, high, saturation = middle - 0.12, middle + 0.1, saturation * 0.3
    elif mood in ("warm", "cold"):
        spread = rng.uniform(0.005, 0.03)
    return low, high, saturation, spread


def _ramp(rng: Rng, hue: float, low: float, high: float, saturation: float, spread: float) -> Floats:
    stops = int(rng.integers(3, 7))
    values = np.sort(rng.uniform(low, high, stops))
    values[0], values[-1] = low + (values[0] - low) * 0.3, values[-1] + (high - values[-1]) * 0.5
    colours = hsv(
        hue + rng.normal(0, spread, stops), np.clip(saturation * rng.uniform(0.4, 1.4, stops), 0, 1), values
    )
    at = np.linspace(0, 255, stops)
    return np.stack([np.interp(np.arange(256), at, colours[:, c]) for c in range(3)], axis=1).astype(
        np.float32
    )

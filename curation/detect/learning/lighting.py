"""Changes of light within a shot: flashes, strobes, exposure, colour."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import sign
from curation.detect.learning.episode import Episode
from curation.detect.learning.pixels import colour, grid, mixed, per_frame, rounded, scaled
from curation.detect.pictures import Floats


def _beam(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Where light falls: [height, width, 1] in 0..1, on all of the picture or about a point."""
    if rng.random() < 0.5:
        return np.ones((height, width, 1), np.float32)
    x, y = grid(height, width)
    radius = rng.uniform(0.3, 1.2)
    away = (x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2
    beam: Floats = np.exp(-away / radius**2).astype(np.float32)[..., None]
    return beam


def flashes(rng: np.random.Generator, episode: Episode) -> Frames:
    """One to four photographic flashes of one to three frames, some dying away."""
    frames = episode.frames
    light = np.zeros(len(frames), np.float32)
    for start in rng.integers(0, len(frames), rng.integers(1, 2 + min(3, len(frames) // 5))):
        lasts, fall = int(rng.integers(1, 4)), rng.uniform(0.3, 1)
        shape = fall ** np.arange(lasts) if rng.random() < 0.6 else np.ones(lasts)
        end = min(len(frames), start + lasts)
        light[start:end] = np.maximum(light[start:end], shape[: end - start])
    power = _beam(rng, *frames.shape[1:3]) * (rng.uniform(60, 300) * np.array([1, 1, rng.uniform(0.8, 1.1)]))
    result = frames.copy()
    lit = np.flatnonzero(light)
    gain = rng.uniform(0, 1.2)
    result[lit] = scaled(frames[lit], 1 + gain * per_frame(light[lit]), power * per_frame(light[lit]))
    return result


def blackouts(rng: np.random.Generator, episode: Episode) -> Frames:
    """One or two frames that are plain: dropped, black or white; the shot goes on."""
    result = episode.frames.copy()
    start = int(rng.integers(0, len(result)))
    level = rng.choice((0, 0, 0, 16, 235, 255))
    result[start : start + int(rng.integers(1, 3))] = level
    return result


def strobe(rng: np.random.Generator, episode: Episode) -> Frames:
    """Light that goes on and off every few frames, of one colour or two."""
    frames = episode.frames
    period = int(rng.integers(1, 5))
    on = (np.arange(len(frames)) // period) % 2 == 0
    if rng.random() < 0.25:
        on = rng.random(len(frames)) < 0.5
    low, high = rng.uniform(0.05, 0.8), rng.uniform(0.9, 1.8)
    tints = np.where(on[:, None], high * colour(rng) / 255, low * colour(rng) / 255)
    plain = np.where(on, high, low)[:, None].repeat(3, 1)
    gain = tints + 0.3 if rng.random() < 0.35 else plain
    beam = _beam(rng, *frames.shape[1:3])
    return scaled(frames, 1 + (gain[:, None, None].astype(np.float32) - 1) * beam)


def exposure(rng: np.random.Generator, episode: Episode) -> Frames:
    """The exposure jumps or drifts."""
    gain = np.exp(sign(rng) * rng.uniform(0.2, 0.9))
    offset = rng.uniform(-20, 20)
    strength = per_frame(episode.envelope(rng, 30))
    return scaled(episode.frames, 1 + (gain - 1) * strength, offset * strength)


def white_balance(rng: np.random.Generator, episode: Episode) -> Frames:
    """The white balance jumps or drifts."""
    gains = np.exp(rng.normal(0, 0.25, 3))
    return scaled(episode.frames, 1 + (gains - 1) * per_frame(episode.envelope(rng, 30)))


def tint(rng: np.random.Generator, episode: Episode) -> Frames:
    """A colour over the whole picture, as of a filter, an overlay or stage light."""
    strength = per_frame(episode.envelope(rng, 12)) * rng.uniform(0.2, 0.6)
    if rng.random() < 0.5:
        return mixed(episode.frames, colour(rng), strength)
    multiplied = 1 + (colour(rng) / 200 - 1) * strength
    return scaled(episode.frames, multiplied)


def flicker(rng: np.random.Generator, episode: Episode) -> Frames:
    """Brightness that trembles, as of old film, a fire or mains light."""
    num = len(episode.frames)
    if rng.random() < 0.5:
        wave = rng.normal(0, rng.uniform(0.03, 0.15), num)
    else:
        wave = rng.uniform(0.05, 0.3) * np.sin(np.arange(num) * rng.uniform(0.3, 3.1) + rng.uniform(0, 6))
    return scaled(episode.frames, per_frame(np.clip(1 + wave, 0.3, 2)))


def moving_light(rng: np.random.Generator, episode: Episode) -> Frames:
    """A bright spot that crosses the picture: a flare, a headlamp, a torch, laser light."""
    frames = episode.frames
    x, y = grid(*frames.shape[1:3])
    path = np.linspace(-1.8, 1.8, len(frames), dtype=np.float32)[:, None, None] * sign(rng)
    tilt, height, radius = rng.uniform(-0.8, 0.8), rng.uniform(-0.7, 0.7), rng.uniform(0.2, 0.8)
    away = (x[None] - path) ** 2 + (y[None] - height - tilt * path) ** 2
    glow = np.exp(-away / radius**2)[..., None] * (colour(rng) / 2 + rng.uniform(80, 200))
    return rounded((frames + glow).astype(np.float32))

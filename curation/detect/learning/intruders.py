"""Things that come into a running shot: objects, captions, logos, pictures in the picture."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import sign
from curation.detect.learning.episode import Episode
from curation.detect.learning.pixels import colour, grid, mixed, smooth_noise
from curation.detect.pictures import Floats


def _surface(rng: np.random.Generator, episode: Episode) -> Frames | Floats:
    """What a thing looks like: flat, textured, or a still of another shot."""
    height, width = episode.frames.shape[1:3]
    kind = rng.random()
    if kind < 0.4:
        return episode.foreign(1)
    plain = colour(rng)
    if kind < 0.6:
        return np.broadcast_to(plain, (1, height, width, 3))
    texture = smooth_noise(rng, height, width, int(rng.integers(3, 16)))[None, ..., None]
    return mixed(np.broadcast_to(plain, (1, height, width, 3)), colour(rng), texture)


def object_pops(rng: np.random.Generator, episode: Episode) -> Frames:
    """A thing over 20 to 40 % of the picture appears; it may move, and leaves unless it lasts."""
    frames = episode.frames
    height, width = frames.shape[1:3]
    share = rng.uniform(0.2, 0.4)
    wide = rng.uniform(share / 0.95, 0.95)
    half_x, half_y = wide, share / wide
    x, y = grid(height, width)
    steps = np.arange(len(frames), dtype=np.float32)[:, None, None]
    moves = rng.normal(0, 0.02, 2) * (rng.random() < 0.5)
    to_x = (x[None] - rng.uniform(-1, 1) * (1 - half_x) - moves[0] * steps) / half_x
    to_y = (y[None] - rng.uniform(-1, 1) * (1 - half_y) - moves[1] * steps) / half_y
    if rng.random() < 0.5:
        away = np.hypot(to_x, to_y) * np.sqrt(np.pi) / 2
    else:
        away = np.maximum(np.abs(to_x), np.abs(to_y))
    inside = np.clip((1 - away) / rng.uniform(0.02, 0.3), 0, 1)[..., None]
    strength = episode.envelope(rng, 6)[:, None, None, None]
    return mixed(frames, _surface(rng, episode), (inside * strength).astype(np.float32))


def occluder(rng: np.random.Generator, episode: Episode) -> Frames:
    """Something large and near passes across the lens, often dark and out of focus."""
    frames = episode.frames
    x, y = grid(*frames.shape[1:3])
    upright = rng.random() < 0.15
    along, across = (y, x) if upright else (x, y)
    half, soft = rng.uniform(0.3, 1.2), rng.uniform(0.02, 0.6)
    reach = 1 + half + soft
    path = np.linspace(-reach, reach, len(frames) + 2, dtype=np.float32)[1:-1, None, None] * sign(rng)
    shape = 1 + rng.uniform(-0.4, 0.4) * across[None] + rng.uniform(-0.4, 0) * across[None] ** 2
    inside = np.clip((half * shape - np.abs(along[None] - path)) / soft, 0, 1)[..., None]
    surface = _surface(rng, episode) * np.float32(rng.uniform(0.1, 0.6) if rng.random() < 0.6 else 1)
    return mixed(frames, surface, inside.astype(np.float32))


def _strokes(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Rows of words, [height, width] in 0..1, as letters look when a few pixels hold a word."""
    words = np.zeros((height, width), np.float32)
    line_px = int(rng.integers(2, 5))
    for top in range(0, height, line_px + 1):
        ends = int(width * rng.uniform(0.4, 1))
        letters = rng.uniform(0.4, 1, (max(1, line_px - 1), ends)) * (rng.random(ends) < 0.8)
        words[top : top + len(letters), :ends] = letters[: height - top]
    return words


def caption(rng: np.random.Generator, episode: Episode) -> Frames:
    """A lower third, a title or subtitles fade in, pop up or slide in, with or without a box."""
    height, width = episode.frames.shape[1:3]
    kind = rng.random()
    tall = int(rng.integers(3, 8)) if kind < 0.75 else int(rng.integers(8, height - 4))
    top = (
        int(rng.integers(height // 2, height - tall + 1))
        if kind < 0.6
        else int(rng.integers(0, height - tall + 1))
    )
    wide = int(rng.integers(width // 3, width + 1))
    left = int(rng.integers(0, width - wide + 1)) if rng.random() < 0.5 else (width - wide) // 2
    text = _strokes(rng, tall, wide)[..., None]
    ink, paper = (colour(rng), colour(rng)) if rng.random() < 0.5 else (np.float32(255), np.float32(0))
    cover = text if rng.random() < 0.5 else np.maximum(text, np.float32(rng.uniform(0.4, 1)))
    strength = episode.envelope(rng, 15)[:, None, None, None]
    if rng.random() < 0.2:
        strength = strength * (np.arange(wide)[:, None] < wide * strength)
    result = episode.frames.copy()
    under = result[:, top : top + tall, left : left + wide]
    shown = paper + (ink - paper) * text
    result[:, top : top + tall, left : left + wide] = mixed(under, shown, cover * strength)
    return result


def logo(rng: np.random.Generator, episode: Episode) -> Frames:
    """A small mark in a corner appears or goes away."""
    height, width = episode.frames.shape[1:3]
    tall, wide = int(rng.integers(2, 7)), int(rng.integers(3, 11))
    top = int(rng.choice((1, height - tall - 1)))
    left = int(rng.choice((1, width - wide - 1)))
    result = episode.frames.copy()
    under = result[:, top : top + tall, left : left + wide]
    mark = np.where(rng.random((tall, wide, 1)) < 0.5, colour(rng), colour(rng))
    strength = episode.envelope(rng, 10)[:, None, None, None] * rng.uniform(0.4, 1)
    result[:, top : top + tall, left : left + wide] = mixed(under, mark, strength)
    return result


def picture_in_picture(rng: np.random.Generator, episode: Episode) -> Frames:
    """Another shot plays in a box over 6 to 40 % of the picture."""
    import cv2

    frames = episode.frames
    height, width = frames.shape[1:3]
    side = np.sqrt(rng.uniform(0.06, 0.4))
    tall, wide = max(3, round(height * side)), max(5, round(width * side))
    top = int(rng.choice((1, height - tall - 1, rng.integers(0, height - tall + 1))))
    left = int(rng.choice((1, width - wide - 1, rng.integers(0, width - wide + 1))))
    inner = np.stack(
        [cv2.resize(f, (wide, tall), interpolation=cv2.INTER_AREA) for f in episode.foreign(len(frames))]
    )
    result = frames.copy()
    under = result[:, top : top + tall, left : left + wide]
    strength = episode.envelope(rng, 8)[:, None, None, None]
    result[:, top : top + tall, left : left + wide] = mixed(under, inner, strength)
    return result

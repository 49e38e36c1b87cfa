"""Camera and time within a shot: pans, shakes, zooms, jumps, frozen frames, focus."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import sign
from curation.detect.learning.episode import Episode
from curation.detect.learning.pixels import affine, blurred, warped


def whip_pan(rng: np.random.Generator, episode: Episode) -> Frames:
    """A fast pan to the mirror image beyond the edge, and back unless it lasts.

    The moving frames are smeared along the way, as by a shutter.
    """
    frames = episode.frames
    num = len(frames)
    upright = rng.random() < 0.25
    length = frames.shape[1 if upright else 2] - 1
    moving = min(num, int(rng.integers(4, 15)))
    steps = np.clip(np.arange(1, num + 1) / moving, 0, 1)
    path = steps * steps * (3 - 2 * steps) * length * sign(rng) * (1 if episode.lasts else 2)
    speed = np.abs(np.diff(path, prepend=0))
    along, none = (speed * rng.uniform(0.2, 0.5)).tolist(), [0.0] * num
    panned = warped(frames, affine(frames, **{"down_px" if upright else "right_px": path}))
    return blurred(panned, none, along) if upright else blurred(panned, along, none)


def shake(rng: np.random.Generator, episode: Episode) -> Frames:
    """A hand-held camera that jolts, within a slightly enlarged picture."""
    frames = episode.frames
    strength = rng.uniform(0.5, 4)
    path = rng.normal(0, strength, (2, len(frames)))
    if rng.random() < 0.6:
        path = (path + np.roll(path, 1, 1) + np.roll(path, -1, 1)) / 1.7
    turn = rng.normal(0, rng.uniform(0, 0.05), len(frames))
    return warped(frames, affine(frames, rng.uniform(1, 1.1), path[0], path[1] * 0.6, turn))


def slow_zoom(rng: np.random.Generator, episode: Episode) -> Frames:
    """The camera comes nearer, and stays there if that lasts."""
    num = len(episode.frames)
    steps = np.minimum(np.arange(num) / max(1, min(num, int(rng.integers(4, 100)))), 1)
    if not episode.lasts:
        steps = np.minimum(steps, steps[::-1])
    drift = rng.uniform(-8, 8) * steps
    return warped(episode.frames, affine(episode.frames, 1 + rng.uniform(0.1, 0.8) * steps, drift))


def focus_pull(rng: np.random.Generator, episode: Episode) -> Frames:
    """The focus is lost, and found again unless that lasts."""
    return blurred(episode.frames, (episode.envelope(rng, 20) * rng.uniform(1, 6)).tolist())


def freeze(rng: np.random.Generator, episode: Episode) -> Frames:
    """The picture stands still, then jumps to where the shot has got to."""
    return np.repeat(episode.frames[:1], len(episode.frames), 0)


def stutter(rng: np.random.Generator, episode: Episode) -> Frames:
    """Frames that come several times and then jump, evenly or at random."""
    num = len(episode.frames)
    hold = int(rng.integers(2, 5))
    at = np.arange(num) // hold * hold
    if rng.random() < 0.5:
        shown = rng.random(num) < 1 / hold
        shown[0] = True
        at = np.maximum.accumulate(np.where(shown, np.arange(num), 0))
    return episode.frames[at]


def jump_ahead(rng: np.random.Generator, episode: Episode) -> Frames:
    """Slow motion, then a jump over a few frames, as when frames were dropped."""
    num = len(episode.frames)
    slow = np.arange(num) // 2
    jump = int(rng.integers(num // 3, num + 1))
    return episode.frames[np.where(np.arange(num) < jump, slow, np.arange(num))]

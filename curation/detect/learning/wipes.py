"""Wipes: the incoming shot uncovers the outgoing one in an order given by a field over the picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import Shares, log_uniform, progress
from curation.detect.learning.junction import Junction, overlap
from curation.detect.learning.pixels import colour, grid, mixed, rounded, smooth_noise
from curation.detect.pictures import Floats

Field = Callable[[np.random.Generator, int, int], Floats]


def horizontal(rng: np.random.Generator, height: int, width: int) -> Floats:
    """From side to side."""
    return np.repeat(grid(height, width)[0], height, 0)


def vertical(rng: np.random.Generator, height: int, width: int) -> Floats:
    """From top to bottom."""
    return np.repeat(grid(height, width)[1], width, 1)


def diagonal(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Along any direction."""
    x, y = grid(height, width)
    angle = rng.uniform(0, np.pi)
    field: Floats = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return field


def clock(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Around the middle like the hand of a clock, from any hour."""
    x, y = grid(height, width)
    field: Floats = np.mod(np.arctan2(x, -y) + rng.choice((0, 0.5, 1, 1.5)) * np.pi, 2 * np.pi)
    return field


def iris(rng: np.random.Generator, height: int, width: int) -> Floats:
    """A circle, an ellipse, a box or a diamond about a point near the middle."""
    x, y = grid(height, width)
    x, y = x - rng.uniform(-0.4, 0.4), (y - rng.uniform(-0.4, 0.4)) * rng.uniform(0.5, 1)
    kind = rng.random()
    field: Floats = (
        np.hypot(x, y) if kind < 0.6 else np.maximum(abs(x), abs(y)) if kind < 0.8 else abs(x) + abs(y)
    )
    return field


def barn_door(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Two doors."""
    return np.abs(horizontal(rng, height, width) if rng.random() < 0.6 else vertical(rng, height, width))


def blinds(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Strips that open all at once."""
    lines = (horizontal if rng.random() < 0.5 else vertical)(rng, height, width)
    field: Floats = np.mod((lines + 1) * rng.integers(2, 5) / 2, 1)
    return field


def blocks(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Blocks in random order."""
    size = int(rng.integers(3, 9))
    coarse = rng.random((-(-height // size), -(-width // size)), np.float32)
    return np.kron(coarse, np.ones((size, size), np.float32))[:height, :width]


def blobs(rng: np.random.Generator, height: int, width: int) -> Floats:
    """Blots that grow, as of ink or clouds."""
    return smooth_noise(rng, height, width, int(rng.integers(2, 9)))


FIELDS: Shares[Field] = Shares(
    [
        (horizontal, 0.26),
        (vertical, 0.14),
        (diagonal, 0.16),
        (clock, 0.1),
        (iris, 0.14),
        (barn_door, 0.1),
        (blinds, 0.04),
        (blocks, 0.03),
        (blobs, 0.03),
    ]
)


def wipe(rng: np.random.Generator) -> Junction:
    """A wipe with an edge that is hard, soft, or a coloured border."""
    kind = rng.random()
    softness = 1e-3 if kind < 0.4 else rng.uniform(0.03, 0.12) if kind < 0.65 else rng.uniform(0.12, 0.5)
    border = colour(rng) if rng.random() < 0.12 else None
    border_width = rng.uniform(0.03, 0.2)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        field = FIELDS.draw(rng)(rng, *outgoing.shape[1:3])
        field = (field - field.min()) / (field.max() - field.min())
        if rng.random() < 0.5:
            field = 1 - field
        ahead = progress(rng, len(outgoing))[:, None, None] * (1 + softness) - field
        share = np.clip(ahead / np.float32(softness), 0, 1)[..., None]
        result = mixed(outgoing, incoming, share)
        if border is not None:
            result[np.abs(ahead) < border_width / 2] = rounded(border.copy())
        return result

    return overlap(log_uniform(rng, 4, 50), render)

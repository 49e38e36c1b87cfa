"""Augmentation of samples, and the one call that makes a sample ready for training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.compose import Composed, compose
from curation.detect.learning.looks import AugmentedShots
from curation.detect.learning.pairs import MIN_DIFFERENCE, ShotSource
from curation.detect.learning.pixels import looked_up
from curation.detect.learning.resampling import backwards, drawn_pattern, resampled
from curation.detect.learning.settings import ComposeSettings

_BACKWARDS_SHARE = 0.25
_BARS_SHARE = 0.15
_LEVELS_SHARE = 0.2


def drawn_sample(
    rng: np.random.Generator,
    shots: ShotSource,
    num_frames: int = 100,
    settings: ComposeSettings | None = None,
) -> Composed:
    """A composed window of augmented shots, augmented as a whole.

    Args:
        rng: where all draws come from; the same state and source give the same sample.
        shots: where shots come from, as they are.
        num_frames: frames of the sample, 2 or more.
        settings: the shares of what is composed; None for those of training.
    """
    pattern = drawn_pattern(rng, num_frames)
    sample = compose(rng, AugmentedShots(shots), max(2, pattern.num_frames), settings)
    return augmented(rng, resampled(sample, pattern))


def augmented(rng: np.random.Generator, sample: Composed) -> Composed:
    """A sample perhaps backwards, between black bars, or with other levels throughout."""
    if rng.random() < _BACKWARDS_SHARE:
        sample = backwards(sample)
    frames = sample.frames
    if rng.random() < _LEVELS_SHARE:
        changed = looked_up(frames, _levels(rng))
        frames = changed if _changes_seen(sample, changed) else frames
    if rng.random() < _BARS_SHARE:
        frames = _barred(rng, frames)
    return replace(sample, frames=np.ascontiguousarray(frames))


def _changes_seen(sample: Composed, frames: Frames) -> bool:
    """Whether the frames on either side of each transition still differ: dark shots may sink into black."""
    inside = (t for t in sample.transitions if t.start_frame >= 0 and t.end_frame < len(frames))
    return all(
        float(np.abs(frames[t.end_frame].astype(np.float32) - frames[t.start_frame]).mean()) >= MIN_DIFFERENCE
        for t in inside
    )


def _levels(rng: np.random.Generator) -> Frames:
    """A table [256] of gamma and range, studio range among them."""
    low, high = (16, 235) if rng.random() < 0.3 else (rng.uniform(-20, 40), rng.uniform(200, 275))
    levels = np.linspace(0, 1, 256) ** np.exp(rng.uniform(-0.5, 0.5))
    table: Frames = np.clip(low + (high - low) * levels + 0.5, 0, 255).astype(np.uint8)
    return table


def _barred(rng: np.random.Generator, frames: Frames) -> Frames:
    """Black bars above and below, or left and right."""
    result = frames.copy()
    if rng.random() < 0.6:
        bar = int(rng.integers(1, 6))
        result[:, :bar] = result[:, -bar:] = 0
    else:
        bar = int(rng.integers(2, 14))
        result[:, :, :bar] = result[:, :, -bar:] = 0
    return result

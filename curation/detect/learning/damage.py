"""What coding and transmission do to a shot: pulsing at keyframes, broken blocks, torn frames."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.episode import Episode
from curation.detect.learning.moves import torn
from curation.detect.learning.pixels import blurred, mixed, per_frame, rounded, smooth_noise
from curation.detect.pictures import Floats


def keyframe_pulse(rng: np.random.Generator, episode: Episode) -> Frames:
    """Detail and levels that drift away from the truth and come back at each keyframe."""
    frames = episode.frames
    num = len(frames)
    gop = int(rng.integers(8, 51))
    since = (np.arange(num) + rng.integers(gop)) % gop
    lost = per_frame(np.minimum(since / gop + 0.2 * (since > 0), 1) * rng.uniform(0.3, 1))
    soft = blurred(frames, [rng.uniform(0.6, 1.5)] * num)
    height, width = frames.shape[1:3]
    smear = (smooth_noise(rng, height, width, 12)[..., None] - 0.5) * np.float32(rng.uniform(0, 14))
    drifted: Floats = mixed(frames, soft, lost) + smear * lost
    return rounded(drifted)


def broken_blocks(rng: np.random.Generator, episode: Episode) -> Frames:
    """One to three frames with blocks moved, coloured or grey, as after a lost packet."""
    result = episode.frames.copy()
    start = int(rng.integers(0, len(result)))
    size = int(rng.integers(3, 10))
    height, width = result.shape[1:3]
    for frame in result[start : start + int(rng.integers(1, 4))]:
        source = frame.copy()
        for _ in range(int(rng.integers(2, 25))):
            top, left = int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1))
            y, x = int(rng.integers(0, height - size + 1)), int(rng.integers(0, width - size + 1))
            block = source[y : y + size, x : x + size]
            kind = rng.random()
            frame[top : top + size, left : left + size] = (
                block if kind < 0.5 else rng.integers(0, 256, 3) if kind < 0.8 else 255 - block
            )
    return result


def torn_frames(rng: np.random.Generator, episode: Episode) -> Frames:
    """One to four frames with torn rows and split colours."""
    result = episode.frames.copy()
    start = int(rng.integers(0, len(result)))
    some = slice(start, start + int(rng.integers(1, 5)))
    result[some] = torn(rng, result[some])
    return result


def negative(rng: np.random.Generator, episode: Episode) -> Frames:
    """The colours inverted for the length of the episode, at most a few frames."""
    return 255 - episode.frames

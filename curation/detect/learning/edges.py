"""The first and last frames of a video: fades from and to a plain picture, and padding; no transitions."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import log_uniform, progress
from curation.detect.learning.pixels import mixed, per_frame

MAX_PADDING_FRAMES = 25
"""What detectors put before the first frame and after the last (TransNetV2, arXiv 2008.04838)."""

_PLAIN_FIRST_SHARE = 0.6


def begun(rng: np.random.Generator, frames: Frames) -> tuple[Frames, int]:
    """Frames of a shot as a video begins with them, and how many at the start are not as they were.

    The video is padded with copies of its first frame, or not; it fades in from black, rarely white,
    which may be held, or it is just there. The last frame is left alone.
    """
    room = len(frames) - 1
    padding = int(rng.integers(1, MAX_PADDING_FRAMES + 1)) if rng.random() < 0.6 else 0
    if rng.random() < _PLAIN_FIRST_SHARE:
        held = min(padding + int(rng.integers(0, 26)), max(0, room - 2))
        ramp = min(log_uniform(rng, 2, 40), room - held)
        plain = np.full(3, rng.choice((0, 0, 0, 16, 255)), np.float32)
        result = frames.copy()
        result[:held] = plain
        result[held : held + ramp] = mixed(plain, frames[held : held + ramp], per_frame(progress(rng, ramp)))
        return result, held + ramp
    padding = min(padding, room)
    result = frames.copy()
    result[:padding] = frames[padding]
    return result, padding

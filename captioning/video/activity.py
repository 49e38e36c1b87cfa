"""How much moves in the picture besides the camera, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from captioning.facts import fact, percent
from captioning.records import Segment
from captioning.video.flow import Step

LEVELS = (
    (0.12, "Much of the picture moves"),
    (0.03, "There is moderate motion in the picture"),
    (0.002, "There is little motion in the picture"),
)
"""From which mean share of moving pixels on (0.1 s apart, camera motion undone) which words hold."""
STILL = "Nothing moves in the picture."
UNKNOWN_CAMERA_CONFIDENCE = 0.3
"""Where no camera motion could be fitted and pictures differ, its own motion is counted as well."""


def activity_facts(steps: Sequence[Step], duration_s: float) -> list[Segment]:
    """One sentence on the amount of motion; none for a single picture."""
    if not steps:
        return []
    share = float(np.mean([step.moved_share for step in steps]))
    confidence = float(np.mean([_confidence(step) for step in steps]))
    words = next((words for threshold, words in LEVELS if share >= threshold), None)
    text = STILL if words is None else f"{words} ({percent(share)} of it changes within 0.1 s)."
    return [fact(0, duration_s, text, confidence)]


def _confidence(step: Step) -> float:
    if step.agreement is not None:
        return step.agreement
    return 1.0 if step.moved_share < LEVELS[-1][0] else UNKNOWN_CAMERA_CONFIDENCE

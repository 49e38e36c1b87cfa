"""Sharpness of the source's frames in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from captioning.facts import fact
from captioning.records import Segment
from curation.filters.measures.edge_blur import edge_blur_px
from curation.filters.measures.pictures import Image

LEVELS = ((1.45, "blurry"), (0.85, "rather soft"), (0.0, "sharp"))
"""From which blur (px, short side 480 px at most) on which words hold. Footage in focus measures 0.3 to
0.7; the same under a Gaussian of 1.5 px 1.0 to 1.5, of 3 px 1.5 to 3."""
CONFIDENCE = 0.7
"""Grain and sharpening measure like detail."""


def sharpness_facts(pictures: Sequence[Image], duration_s: float) -> list[Segment]:
    """One sentence on sharpness; none where no picture has any detail."""
    values = [value for picture in pictures if (value := edge_blur_px(picture)) is not None]
    if not values:
        return []
    value = float(np.median(values))
    words = next(words for threshold, words in LEVELS if value >= threshold)
    text = f"The picture is {words} (its finest edges are blurred by about {value:.1f} px)."
    return [fact(0, duration_s, text, CONFIDENCE)]

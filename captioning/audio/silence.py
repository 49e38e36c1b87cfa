"""Silence in words: how much of the clip, and when."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from captioning.facts import fact, percent, when
from captioning.records import Segment
from curation.filters.measures.sound import FRAME_S, Floats, levels_dbfs

SILENT_DBFS = -55.0
"""Level (root mean square) below which a frame is silent: quieter than a still room in a recording."""
MUTE_DBFS = -75.0
"""Below this there is nothing but the dither of an encoder."""
MIN_PAUSE_S = 0.5
MAX_PAUSES = 3
CONFIDENCE = 0.95


def is_mute(samples: Floats) -> bool:
    """Whether nothing at all is to be heard."""
    return bool((levels_dbfs(samples) < MUTE_DBFS).all())


def silence_facts(samples: Floats, duration_s: float) -> list[Segment]:
    """The share of silence and its longest stretches; one sentence if there is none."""
    silent = levels_dbfs(samples) < SILENT_DBFS
    share = float(silent.mean())
    if not share:
        return [fact(0, duration_s, "The sound is never silent.", CONFIDENCE)]
    text = f"Silence fills {percent(share)} of the clip (level below {SILENT_DBFS:.0f} dBFS)."
    facts = [fact(0, duration_s, text, CONFIDENCE)]
    if share == 1:
        return facts
    for start_s, end_s in _pauses(silent):
        text = f"It is silent{when(start_s, end_s, duration_s, FRAME_S)}."
        facts.append(fact(start_s, min(end_s, duration_s), text, CONFIDENCE))
    return facts


def _pauses(silent: NDArray[np.bool_]) -> list[tuple[float, float]]:
    """The longest silent stretches in order of time, as (start_s, end_s)."""
    found, position = [], 0
    for is_silent, frames in groupby(silent.tolist()):
        length = len(list(frames))
        if is_silent and length * FRAME_S >= MIN_PAUSE_S:
            found.append((position, position + length))
        position += length
    longest = sorted(found, key=lambda span: (span[0] - span[1], span[0]))[:MAX_PAUSES]
    return [(start * FRAME_S, end * FRAME_S) for start, end in sorted(longest)]

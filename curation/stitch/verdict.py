"""Whether a stretch may become a clip, and what is said if not."""

from __future__ import annotations

from fractions import Fraction

from curation.base.records import round_score
from curation.base.rejects import Reason
from curation.records import Extent
from curation.stitch.config import StitchConfig
from curation.stitch.pieces import duration
from curation.stitch.scenes import num_frames

REFERENCE_FPS = 25
"""Motion is judged as it would be at this rate: a difference between neighbouring frames grows with the time
between them (on eleven real videos by a median of 1.77 where that time doubles)."""


def fault(extent: Extent, time_base: str, motion: float, config: StitchConfig) -> tuple[Reason, str] | None:
    """Why a stretch is turned down, in words that follow the name of the file; None if it is not.

    `motion` is the mean difference (0..255) of its neighbouring frames.
    """
    length_s = duration(extent, time_base)
    start_s = float(extent.start_pts * Fraction(time_base))
    what = f"has a clip of {float(length_s):.2f} s at {start_s:.2f} s"
    if length_s < Fraction(config.min_s):
        return Reason.TOO_SHORT, f"{what}, shorter than min_s = {config.min_s:g}; lower min_s to keep it"
    if length_s > Fraction(config.max_s):
        return Reason.TOO_LONG, (
            f"{what}, longer than max_s = {config.max_s:g} and not to be divided, since one of its frames is "
            "shown for too long; raise max_s to keep it"
        )
    pace = round_score(motion * num_frames(extent) / float(length_s) / REFERENCE_FPS)
    moves = f"where neighbouring frames at {REFERENCE_FPS} per second would differ by {pace:g} of 255"
    if pace < config.min_motion:
        return Reason.STILL, (
            f"{what} {moves}, less than min_motion = {config.min_motion:g}; lower min_motion to keep it"
        )
    if pace > config.max_motion:
        return Reason.TOO_DYNAMIC, (
            f"{what} {moves}, more than max_motion = {config.max_motion:g}; raise max_motion to keep it"
        )
    return None

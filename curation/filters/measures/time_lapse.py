"""What one look at a clip's small form tells: motion, stillness, and black bars.

The filters on them are stages of their own; what the last clips gave is kept, so that the stages that share
a process decode each clip once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import cv2
import numpy as np

from curation.base.media_store import MediaRef
from curation.filters.measures.bars import bars_share
from curation.filters.measures.flow import MeanFlow
from curation.filters.measures.pictures import Image, shrunk
from curation.media.clip_videos import ClipVideos
from curation.records import CutClip

STEP_S = 0.125
SHORT_SIDE_PX = 64
STILL_LEVELS = 3
"""Change of luma (0..255) that noise and the encoder cause in a picture of `SHORT_SIDE_PX`."""
STILL_SHARE = 0.998
"""Share of the pixels that must change no more than that for a step to be still."""
KEPT_CLIPS = 1024


@dataclass(frozen=True)
class TimeLapse:
    """`motion_per_s`: mean size of the optical flow, in frame diagonals per second. `still_share`: share of
    the time in which nothing changes. `bars_share`: share of the picture that is black bars."""

    motion_per_s: float
    still_share: float
    bars_share: float


_kept: OrderedDict[tuple[ClipVideos, MediaRef], TimeLapse] = OrderedDict()


def time_lapse(videos: ClipVideos, clip: CutClip) -> TimeLapse:
    """What was measured of a clip, kept for as many clips as a unit usually has.

    Raises:
        DecodeError: the form is a stream copy that cannot be decoded, or exceeds a limit.
    """
    key = (videos, clip.video)
    if key not in _kept:
        _kept[key] = _measured(videos, clip)
    _kept.move_to_end(key)
    if len(_kept) > KEPT_CLIPS:
        _kept.popitem(last=False)
    return _kept[key]


def _measured(videos: ClipVideos, clip: CutClip) -> TimeLapse:
    """Measure the main form of a clip on pictures 1/8 s apart, on one thread.

    A still step adds no motion, so that noise is none. A clip of one picture is still. The luma of every
    picture is 0..255, whatever the range of the video.
    """
    cv2.setNumThreads(1)
    mean_flow = MeanFlow()
    brightest: Image | None = None
    before: tuple[float, Image] | None = None
    diagonals = still_s = length_s = 0.0
    for time_s, luma in videos.every(clip, STEP_S):
        brightest = luma if brightest is None else np.maximum(brightest, luma)
        picture = shrunk(luma, SHORT_SIDE_PX)
        if before is not None:
            length_s = time_s
            if _is_still(before[1], picture):
                still_s += time_s - before[0]
            else:
                diagonals += mean_flow(before[1], picture)
        before = (time_s, picture)
    assert brightest is not None, "the cut writes no form without a frame"
    return TimeLapse(
        motion_per_s=diagonals / length_s if length_s else 0.0,
        still_share=still_s / length_s if length_s else 1.0,
        bars_share=bars_share(brightest),
    )


def _is_still(before: Image, after: Image) -> bool:
    change = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(after, (3, 3)))
    return int(np.count_nonzero(change <= STILL_LEVELS)) >= STILL_SHARE * int(change.size)

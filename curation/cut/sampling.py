"""The black bars of a source, from pictures all over it."""

from __future__ import annotations

from curation.base.rejects import Reason
from curation.cut.bars import find_bars
from curation.cut.source import SourceFile
from curation.media.cutting import CuttingSandbox
from curation.media.sandbox import DecodeError
from curation.records import Crop

NUM_PICTURES = 8
_SHORT_S = 60.0
"""Up to which length a source with too few keyframes is decoded whole."""


def bars_of(sandbox: CuttingSandbox, source: SourceFile) -> Crop | None:
    """The black bars of a source; None where it has none, or is too damaged to tell.

    Raises:
        DecodeError: a limit is exceeded.
    """
    video, duration_s = source.record.video, source.record.duration_s
    times_pts = [
        video.start_pts + int(duration_s * (2 * part + 1) / (2 * NUM_PICTURES) / source.time_base)
        for part in range(NUM_PICTURES)
    ]
    for decode_all in (False, True):
        try:
            pictures = list(
                sandbox.samples(
                    source.path,
                    source.record.container,
                    video.index,
                    size_px=(video.width_px, video.height_px),
                    times_pts=times_pts,
                    decode_all=decode_all,
                )
            )
        except DecodeError as error:
            if error.reason is Reason.DECODE_FAILED:
                return None
            raise
        if len({picture.tobytes() for picture in pictures}) > 1 or duration_s > _SHORT_S:
            break
    return find_bars(pictures)

"""Pictures of clips' main videos, for all stages that look at them."""

from __future__ import annotations

import contextlib
import math
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from curation.base.media_store import MediaStore
from curation.base.rejects import Reason, Rejected
from curation.media.cutting import CuttingSandbox
from curation.media.limits import DecodeLimits
from curation.media.sandbox import DecodeError
from curation.records import CutClip

if TYPE_CHECKING:
    from curation.media.encoded import Luma

SHORT_SIDE_PX = 256
"""Short side at most of pictures of stream copies: that of the form which is encoded by default."""


@dataclass(frozen=True)
class ClipVideos:
    """Luma (uint8 [H, W], 0..255) of clips' frames. What the cut encoded is decoded in this process, stream
    copies, whose packets are the source's, in the sandbox."""

    media: MediaStore
    scratch: Path
    limits: DecodeLimits

    def every(self, clip: CutClip, step_s: float) -> Iterator[tuple[float, Luma]]:
        """(seconds from the first frame, luma) about every `step_s`.

        Raises:
            DecodeError: a stream copy cannot be decoded, or exceeds a limit.
        """
        from curation.media.encoded import EVERY_SLACK_S, luma_every

        if clip.mode == "exact":
            yield from luma_every(self.media.read(clip.video), step_s)
            return
        numbers: list[int] = []
        next_s = 0.0
        for number, time_s in enumerate(clip.frame_times_s):
            if time_s >= next_s:
                numbers.append(number)
                next_s = time_s + step_s - EVERY_SLACK_S
        for number, luma in zip(numbers, self._of_copy(clip, numbers), strict=True):
            yield clip.frame_times_s[number], luma

    def even(self, clip: CutClip, count: int) -> list[Luma]:
        """The frames shown in the middles of `count` equal parts of a clip, some of them twice if it has
        fewer.

        Raises:
            DecodeError: a stream copy cannot be decoded, or exceeds a limit.
        """
        from curation.media.encoded import EVEN_SLACK_S, luma_even

        if clip.mode == "exact":
            return luma_even(self.media.read(clip.video), count, clip.duration_s)
        middles_s = [clip.duration_s * (part + 0.5) / count + EVEN_SLACK_S for part in range(count)]
        shown = [bisect_right(clip.frame_times_s, middle_s) - 1 for middle_s in middles_s]
        numbers = sorted(set(shown))
        found = dict(zip(numbers, self._of_copy(clip, numbers), strict=True))
        return [found[number] for number in shown]

    def _of_copy(self, clip: CutClip, numbers: Sequence[int]) -> Iterator[Luma]:
        """Frames of a stream copy by their numbers, which increase, at most `SHORT_SIDE_PX` on a side.

        Raises:
            DecodeError: it cannot be decoded, or exceeds a limit.
        """
        with tempfile.NamedTemporaryFile(prefix="clip-", suffix=".mp4", dir=self.scratch) as file:
            file.write(self.media.read(clip.video))
            file.flush()
            samples = CuttingSandbox(self.limits).samples(
                Path(file.name),
                "mov",
                0,
                size_px=_small(clip.width_px, clip.height_px),
                times_pts=[_just_before(clip, number) for number in numbers],
                decode_all=True,
            )
            with contextlib.closing(samples):
                for _ in numbers:
                    sample = next(samples, None)
                    if sample is None:
                        raise DecodeError(
                            Reason.DECODE_FAILED,
                            "has a stream copy that does not show all its frames by itself; make a form "
                            "with mode = exact the first of curation.cut.forms",
                        )
                    yield sample


def undecodable(stage: str, clip: CutClip, error: DecodeError) -> Rejected:
    """The reject of a stage that cannot look at a clip."""
    return Rejected(
        rejected_id=clip.clip_id,
        parent_id=clip.clip_id,
        stage=stage,
        reason=error.reason,
        detail=f"clip '{clip.clip_id}' of source '{clip.video_id}' {error.detail} "
        f"(clip at {clip.start_s:.2f} s)",
    )


def _just_before(clip: CutClip, number: int) -> int:
    """A time (in the file's pts, which run from 0 in units of the source's denominator) between a frame and
    the one before it."""
    if number == 0:
        return 0
    before_s, time_s = clip.frame_times_s[number - 1 : number + 1]
    middle = Fraction(before_s + time_s) / 2 * Fraction(clip.time_base).denominator
    return math.ceil(middle)


def _small(width_px: int, height_px: int) -> tuple[int, int]:
    scale = min(1.0, SHORT_SIDE_PX / min(width_px, height_px))
    return max(1, round(width_px * scale)), max(1, round(height_px * scale))

"""From transitions to shots, in one pass over a stream of any length."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from curation.base.ids import hash_id
from curation.base.records import round_score
from curation.detect.pictures import luma
from curation.detect.transitions import Settled, Transition
from curation.media.sandbox import DecodedFrame
from curation.records import Extent, Shot, SourceVideo

_TIME_DECIMALS = 6
_BLACK_LUMA = 32.0
"""No pixel of a black frame is brighter (0..255, after scaling to the detector's size)."""


@dataclass(frozen=True)
class _Waiting:
    """A frame about which the detector has not decided: pts, difference to the frame before, whether it is
    black, and its picture, RGB bytes of [27, 48, 3]."""

    pts: int
    change: float
    black: bool
    picture: bytes


class ShotBuilder:
    """Gathers frames and transitions, and gives shots as soon as they are certain.

    Frames are held until the detector has settled them (no detector waits for more than `MAX_FLAT_FRAMES` and
    `MAX_RUN_GAPS`), then only what a shot says of itself is kept.
    """

    def __init__(self, source: SourceVideo) -> None:
        self._source = source
        self._waiting: deque[_Waiting] = deque()
        self._first_waiting = 0
        self._before: npt.NDArray[np.int16] | None = None
        self._open: _OpenShot | None = None
        self._opened_by, self._score = "start", 1.0
        self._skip_until = 0

    def add(self, frame: DecodedFrame) -> None:
        """Take the next decoded frame, its image [27, 48, 3]."""
        image = frame.image.astype(np.int16)
        change = 0.0 if self._before is None else float(np.abs(image - self._before).mean())
        self._before = image
        black = bool(luma(frame.image).max() <= _BLACK_LUMA)
        self._waiting.append(_Waiting(frame.pts, change, black, frame.image.tobytes()))

    def settle(self, settled: Settled) -> Iterator[Shot]:
        """The shots that end at the given transitions."""
        for item in settled.transitions:
            self._take(item.start_frame + 1)
            yield self._shot(self._waiting[0].pts)
            self._skip_until = item.end_frame
            self._opened_by, self._score = item.kind, item.score
        self._take(settled.frames)

    def finish(self) -> Shot:
        """The last shot; the stream has ended and every transition was given."""
        assert self._waiting or self._open is not None, "a stream without frames has no shots"
        self._take(self._first_waiting + len(self._waiting))
        return self._shot(None)

    def _take(self, end: int) -> None:
        """Move the frames before `end` into the open shot, or drop those of a transition."""
        while self._first_waiting < end and self._waiting:
            frame = self._waiting.popleft()
            number = self._first_waiting
            self._first_waiting += 1
            if number < self._skip_until:
                continue
            if self._open is None:
                self._open = _OpenShot(number, frame)
            else:
                self._open.add(frame)

    def _shot(self, end_pts: int | None) -> Shot:
        shot = self._open
        assert shot is not None, "transitions overlap or lie outside the stream"
        self._open = None
        return shot.closed(self._source, end_pts, self._opened_by, self._score)


class _OpenShot:
    """What is known of a shot so far."""

    def __init__(self, number: int, frame: _Waiting) -> None:
        self._start_frame = number
        self._start_pts = frame.pts
        self._first = frame
        self._frames = 0
        self._lit_change = self._change = 0.0
        self._last_pts = self._before_last_pts = frame.pts
        self._lit: tuple[int, int] | None = None
        self._lit_last_frame, self._lit_end_pts = number, 0
        self._last_black = True
        self._note(frame)

    def add(self, frame: _Waiting) -> None:
        """Take the next frame."""
        self._before_last_pts = self._last_pts
        self._change += frame.change if self._lit is not None else 0.0
        self._note(frame)

    def _note(self, frame: _Waiting) -> None:
        number = self._start_frame + self._frames
        self._frames += 1
        if not self._last_black and frame.black:
            self._lit_end_pts = frame.pts
        if not frame.black:
            self._lit = self._lit or (number, frame.pts)
            self._lit_last_frame = number
            self._lit_change = self._change
        self._last_black = frame.black
        self._last_pts, self._last = frame.pts, frame

    def closed(self, source: SourceVideo, end_pts: int | None, opened_by: str, score: float) -> Shot:
        """The shot, which ends at `end_pts`, or with the stream."""
        stream, start = source.video, self._start_pts
        end = self._end_of_stream(source) if end_pts is None else end_pts
        unit_s = Fraction(stream.time_base)
        last_frame = self._start_frame + self._frames - 1
        return Shot(
            shot_id=hash_id("shot", source.video_id, stream.index, start, end, stream.time_base),
            video_id=source.video_id,
            stream=stream.index,
            start_pts=start,
            end_pts=end,
            time_base=stream.time_base,
            start_s=round(float(start * unit_s), _TIME_DECIMALS),
            end_s=round(float(end * unit_s), _TIME_DECIMALS),
            start_frame=self._start_frame,
            last_frame=last_frame,
            opened_by=opened_by,
            score=round_score(score),
            lit=self._extent(end),
            motion=round_score(self._motion()),
            first_image=self._first.picture,
            last_image=self._last.picture,
        )

    def _extent(self, end_pts: int) -> Extent | None:
        if self._lit is None:
            return None
        first_frame, first_pts = self._lit
        return Extent(
            start_pts=first_pts,
            end_pts=self._lit_end_pts if self._last_black else end_pts,
            start_frame=first_frame,
            last_frame=self._lit_last_frame,
        )

    def _motion(self) -> float:
        """Mean change from the first lit frame to the last; what fades in or out is not motion."""
        steps = 0 if self._lit is None else self._lit_last_frame - self._lit[0]
        return self._lit_change / steps if steps else 0.0

    def _end_of_stream(self, source: SourceVideo) -> int:
        """The first pts after the last frame, which is taken to last as long as the one before."""
        if self._frames > 1:
            return 2 * self._last_pts - self._before_last_pts
        unit_s = Fraction(source.video.time_base)
        return self._last_pts + (
            max(1, round(1 / (source.video.fps * unit_s))) if source.video.fps > 0 else 1
        )


def shots_between(
    source: SourceVideo, transitions: Sequence[Transition], frames: Sequence[DecodedFrame]
) -> list[Shot]:
    """The shots of a source whose frames and transitions are all known, in order of time."""
    builder = ShotBuilder(source)
    for frame in frames:
        builder.add(frame)
    return [*builder.settle(Settled(len(frames), transitions)), builder.finish()]

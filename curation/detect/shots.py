"""From transitions to shots: what every detector ends with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from curation.base.ids import hash_id
from curation.base.records import round_score
from curation.records import Shot, SourceVideo

_TIME_DECIMALS = 6


@dataclass(frozen=True)
class Transition:
    """A change of shot, in decoded frames from 0.

    `start_frame` is the last frame that belongs only to the outgoing shot, `end_frame` the first that
    belongs only to the incoming one; a cut has `end_frame = start_frame + 1`. `score` is in 0..1.
    """

    start_frame: int
    end_frame: int
    kind: Literal["cut", "gradual"]
    score: float


def merged(transitions: Sequence[Transition]) -> list[Transition]:
    """Transitions in order of time; those that touch become one gradual transition.

    Two cuts one frame apart leave a shot of one frame between them and stay two.
    """
    result: list[Transition] = []
    for item in sorted(transitions, key=lambda each: (each.start_frame, each.end_frame)):
        last = result[-1] if result else None
        if last is None or item.start_frame >= last.end_frame:
            result.append(item)
            continue
        both_cuts = item.kind == last.kind == "cut"
        result[-1] = Transition(
            start_frame=last.start_frame,
            end_frame=max(last.end_frame, item.end_frame),
            kind="cut" if both_cuts else "gradual",
            score=max(last.score, item.score),
        )
    return result


def shots_between(
    source: SourceVideo, transitions: Sequence[Transition], frame_pts: Sequence[int]
) -> list[Shot]:
    """The shots of a source: the frames that no transition touches, in order of time.

    Args:
        source: the video whose stream `source.video` was looked at.
        transitions: disjoint and in order of time.
        frame_pts: presentation time of every decoded frame, in the stream's time base, strictly
            increasing. The last frame is taken to last as long as the one before.
    """
    assert frame_pts, "a stream without frames has no shots"
    end_pts = _end_pts(source, frame_pts)
    shots = []
    first, opened_by, score = 0, "start", 1.0
    for item in transitions:
        shots.append(_shot(source, first, item.start_frame, frame_pts, end_pts, opened_by, score))
        first, opened_by, score = item.end_frame, item.kind, item.score
    shots.append(_shot(source, first, len(frame_pts) - 1, frame_pts, end_pts, opened_by, score))
    return shots


def _end_pts(source: SourceVideo, frame_pts: Sequence[int]) -> int:
    """The first pts after the last frame."""
    if len(frame_pts) > 1:
        return 2 * frame_pts[-1] - frame_pts[-2]
    tick = Fraction(source.video.time_base)
    return frame_pts[-1] + max(1, round(1 / (source.video.fps * tick)) if source.video.fps > 0 else 1)


def _shot(
    source: SourceVideo,
    first: int,
    last: int,
    frame_pts: Sequence[int],
    end_pts: int,
    opened_by: str,
    score: float,
) -> Shot:
    assert 0 <= first <= last < len(frame_pts), "transitions overlap or lie outside the stream"
    stream = source.video
    start = frame_pts[first]
    end = frame_pts[last + 1] if last + 1 < len(frame_pts) else end_pts
    time_base = Fraction(stream.time_base)
    return Shot(
        shot_id=hash_id("shot", source.video_id, stream.index, start, end, stream.time_base),
        video_id=source.video_id,
        stream=stream.index,
        start_pts=start,
        end_pts=end,
        time_base=stream.time_base,
        start_s=round(float(start * time_base), _TIME_DECIMALS),
        end_s=round(float(end * time_base), _TIME_DECIMALS),
        start_frame=first,
        last_frame=last,
        opened_by=opened_by,
        score=round_score(score),
    )

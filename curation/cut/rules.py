"""Arithmetic of clips: times, sizes, and which clips are rendered together. Nothing here touches media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from curation.records import PlannedClip


@dataclass(frozen=True)
class Span:
    """A stretch of a stream: pts of the first frame, and the first pts after the last."""

    start_pts: int
    end_pts: int


def duration(span: Span | PlannedClip, time_base: str) -> Fraction:
    """Length in seconds, exact."""
    return (span.end_pts - span.start_pts) * Fraction(time_base)


def grouped(spans: Sequence[Span], max_gap_pts: int) -> list[list[int]]:
    """Which spans, in order of time, to render in one decode, by their numbers: neighbours with less than
    `max_gap_pts` between them."""
    groups: list[list[int]] = []
    reached = 0
    for number, span in enumerate(spans):
        if groups and span.start_pts - reached < max_gap_pts:
            groups[-1].append(number)
            reached = max(reached, span.end_pts)
        else:
            groups.append([number])
            reached = span.end_pts
    return groups


def caption_targets(
    length_pts: int, frame_pts: int, count: int, shot_starts: Sequence[int] = (0,)
) -> list[int]:
    """Times at which captioners look at a clip, in pts from its start, increasing.

    They are the middles of `count` equal parts, and those of the shots (which begin at `shot_starts`) where
    there are several, so that none is overlooked; all moved half a frame ahead: the first frame at or after a
    target is then the one nearest to the middle. `frame_pts` is the mean duration of a frame.
    """
    targets = {
        max(0, (length_pts * (2 * part + 1) - frame_pts * count) // (2 * count)) for part in range(count)
    }
    if len(shot_starts) > 1:
        ends = (*shot_starts[1:], length_pts)
        targets |= {
            max(start, (start + end - frame_pts) // 2) for start, end in zip(shot_starts, ends, strict=True)
        }
    return sorted(targets)


def caption_picks(frame_pts: Sequence[int], targets: Sequence[int]) -> list[int]:
    """The frames that captioners see: the first at or after each target, or else the first of the clip.

    `frame_pts` are the pts of all frames from the clip's start, increasing.
    """
    picks = {
        next((index for index, pts in enumerate(frame_pts) if pts >= target), None) for target in targets
    }
    return sorted(pick for pick in picks if pick is not None) or [0]


def fitted_size(width_px: int, height_px: int, short_side_px: int) -> tuple[int, int]:
    """Even width and height with the short side at most `short_side_px`, the aspect kept to the nearest even
    number, and no side longer than given (but at least 2)."""
    short = min(width_px, height_px)
    target = min(short, short_side_px) // 2 * 2
    return (_fitted_side(width_px, target, short), _fitted_side(height_px, target, short))


def _fitted_side(side_px: int, numerator: int, denominator: int) -> int:
    """The even number nearest to side times a fraction."""
    nearest = (side_px * numerator + denominator) // (2 * denominator) * 2
    return max(2, min(nearest, side_px // 2 * 2))

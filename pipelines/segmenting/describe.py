"""What `cliploom segment` prints of a file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pipelines.segmenting.files import Segmented, Unreadable

_TIME_DECIMALS = 4


def description(found: Segmented | Unreadable) -> dict[str, Any]:
    """The JSON object of a file: its transitions, and the clips between them.

    A transition's `start` is the last frame of the outgoing shot, its `end` the first of the incoming
    one. A clip's `end_frame` is its last frame, and `end_s` the time at which the frame after it begins;
    times are the file's own (pts times time base).
    """
    if isinstance(found, Unreadable):
        return {"file": found.uri, "error": str(found.reason), "detail": found.detail}
    return {
        "file": found.uri,
        "fps": found.source.record.video.fps,
        "num_frames": found.num_frames,
        "transitions": [
            {
                "start": left.last_frame,
                "end": right.start_frame,
                "type": right.opened_by,
                "score": right.score,
            }
            for left, right in pairwise(found.shots)
        ],
        "clips": [
            {
                "start_s": round(shot.start_s, _TIME_DECIMALS),
                "end_s": round(shot.end_s, _TIME_DECIMALS),
                "start_frame": shot.start_frame,
                "end_frame": shot.last_frame,
            }
            for shot in found.shots
        ],
    }


def table(found: Segmented) -> Iterator[str]:
    """The same for a person: a line for the file, and one for each clip."""
    yield f"{found.uri}: {found.num_frames} frames, {len(found.shots)} shots"
    for number, shot in enumerate(found.shots, start=1):
        yield (
            f"  {number:>4}  {shot.start_s:>10.3f} s  {shot.end_s:>10.3f} s  "
            f"frames {shot.start_frame}-{shot.last_frame}"
            + ("" if shot.opened_by == "start" else f"  after a {_transition(shot.opened_by)}")
        )


def _transition(kind: str) -> str:
    return "cut" if kind == "cut" else f"{kind} transition"

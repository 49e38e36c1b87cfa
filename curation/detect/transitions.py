"""Transitions: what every detector finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


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


@dataclass(frozen=True)
class Settled:
    """How far a detector has decided: no transition that is still to come begins before frame `frames`.
    `transitions` are those found since the last report, disjoint and in order of time."""

    frames: int
    transitions: Sequence[Transition]

"""The plan of a sample: how long each shot is and what joins it to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curation.detect.learning.draws import log_uniform
from curation.detect.learning.junction import Junction
from curation.detect.learning.transitions import KIND_SHARES

LONGEST_SHOT_FRAMES = 250
"""Windows of 100 frames then hold two transitions on average, and rarely more than five."""


@dataclass(frozen=True)
class Plan:
    """`shots` are the lengths in frames of what belongs to one shot only; `junctions` are the kinds and
    junctions between them, one fewer. The first `skipped` frames are not seen."""

    shots: tuple[int, ...]
    junctions: tuple[tuple[str, Junction], ...]
    skipped: int = 0


def planned(rng: np.random.Generator, num_frames: int, shortest: int) -> Plan:
    """A plan that yields exactly `num_frames` seen frames, from anywhere within a video on.

    Shots are of `shortest` frames or more, except where an end of the window cuts them.
    """
    shots = [log_uniform(rng, shortest, LONGEST_SHOT_FRAMES)]
    junctions = [_junction(rng)]
    skipped = int(rng.integers(0, shots[0] + junctions[0][1].num_frames))
    # Frames before the window are not made, except the mixed ones of a transition that it cuts through.
    unseen = min(skipped, shots[0] - 1)
    shots[0] -= unseen
    skipped -= unseen
    done = shots[0] + junctions[0][1].num_frames
    while done < num_frames + skipped:
        shots.append(log_uniform(rng, shortest, LONGEST_SHOT_FRAMES))
        junctions.append(_junction(rng))
        done += shots[-1] + junctions[-1][1].num_frames
    return _ended(shots, junctions, skipped, num_frames + skipped)


def _ended(shots: list[int], junctions: list[tuple[str, Junction]], skipped: int, num_frames: int) -> Plan:
    """The plan without what lies beyond its end: a last shot that is not seen has one frame."""
    before = sum(shots) + sum(junction.num_frames for _, junction in junctions)
    before -= junctions[-1][1].num_frames
    if before >= num_frames:
        shots[-1] -= before - num_frames
        return Plan(tuple(shots), tuple(junctions[:-1]), skipped)
    return Plan((*shots, 1), tuple(junctions), skipped)


def _junction(rng: np.random.Generator) -> tuple[str, Junction]:
    kind = KIND_SHARES.draw(rng)
    return kind.name, kind.draw(rng)

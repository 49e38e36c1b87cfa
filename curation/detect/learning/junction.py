"""What joins two shots: a number of mixed frames, and how to make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Frames

Render = Callable[[Frames, Frames], Frames]
"""(frames of the outgoing shot, frames of the incoming shot) -> the mixed frames."""


@dataclass(frozen=True)
class Junction:
    """A transition before its pictures are known.

    `num_frames` frames are mixed: none in a hard cut. The outgoing shot plays on into the first
    `outgoing_frames` of them, the incoming one plays in the last `incoming_frames`; `render` is given
    just these and returns `num_frames` frames.
    """

    num_frames: int
    outgoing_frames: int
    incoming_frames: int
    render: Render


Draw = Callable[[np.random.Generator], Junction]


def overlap(num_frames: int, render: Render) -> Junction:
    """A junction in which both shots play in every mixed frame."""
    return Junction(num_frames, num_frames, num_frames, render)


def halves(num_frames: int, render: Render) -> Junction:
    """A junction in which the outgoing shot plays in the first half and the incoming one in the rest,
    so that the change falls on the gap that the label calls the centre."""
    return Junction(num_frames, num_frames // 2, num_frames - num_frames // 2, render)

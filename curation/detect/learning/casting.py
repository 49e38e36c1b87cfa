"""Which shots play in a sample: each plainly another than the one before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.pairs import Graded, ShotSource, differ, recoloured, seen_from_elsewhere
from curation.detect.learning.plan import Plan
from curation.detect.learning.settings import ComposeSettings
from curation.detect.learning.slides import SlideDeck

_TRIES = 5
_ELSEWHERE_SHARE = 0.6


@dataclass(frozen=True)
class Shot:
    """A shot of a plan: between `whole` [start, end) its frames are its own, before and after mixed."""

    frames: Frames
    number: int
    whole: tuple[int, int]

    @property
    def own(self) -> Frames:
        """The frames that belong to it only."""
        return self.frames[self.whole[0] : self.whole[1]]


def dressed(rng: np.random.Generator, shots: ShotSource, settings: ComposeSettings) -> ShotSource:
    """The source for all shots of a window: as it is, slides in its place, or in low contrast."""
    if rng.random() < settings.slide_windows:
        return SlideDeck(rng)
    return Graded(rng, shots) if rng.random() < settings.graded_windows else shots


def cast(
    rng: np.random.Generator, source: ShotSource, plan: Plan, settings: ComposeSettings
) -> Iterator[Shot]:
    """The shots of a plan, up to one that cannot be told from the one before."""
    previous: Shot | None = None
    for index, num_own in enumerate(plan.shots):
        head = plan.junctions[index - 1][1].incoming_frames if index else 0
        tail = plan.junctions[index][1].outgoing_frames if index < len(plan.junctions) else 0
        shot = _drawn(rng, source, previous, (head, head + num_own), tail, settings)
        if shot is None:
            return
        yield shot
        previous = shot


def _drawn(
    rng: np.random.Generator,
    source: ShotSource,
    previous: Shot | None,
    whole: tuple[int, int],
    tail: int,
    settings: ComposeSettings,
) -> Shot | None:
    num_frames = whole[1] + tail
    if previous is None:
        return Shot(*source(rng, num_frames), whole)
    for _ in range(_TRIES):
        relation = rng.random()
        same_scene = relation < settings.same_scene
        frames, number = source(rng, num_frames, previous.number if same_scene else None)
        if same_scene and rng.random() < _ELSEWHERE_SHARE:
            frames = seen_from_elsewhere(rng, frames)
        elif not same_scene and relation < settings.same_scene + settings.recoloured:
            frames = recoloured(frames, previous.own[-1])
        shot = Shot(frames, number, whole)
        if differ(previous.own, shot.own, same_scene or number == previous.number):
            return shot
    return None

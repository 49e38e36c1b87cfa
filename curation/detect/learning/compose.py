"""Training samples for a detector of shot boundaries, composed from single shots."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.casting import Shot, cast, dressed
from curation.detect.learning.disturbances import disturbed
from curation.detect.learning.edges import begun
from curation.detect.learning.junction import Junction
from curation.detect.learning.pairs import ShotSource
from curation.detect.learning.plan import Plan, planned
from curation.detect.learning.settings import ComposeSettings
from curation.detect.pictures import Floats

_MAX_DISTURBANCES = 4
_MIN_EDGE_FRAMES = 6


Event = tuple[int, int, str]
"""First frame, last frame and kind of a disturbance."""


@dataclass(frozen=True)
class ComposedTransition:
    """`start_frame` is the last frame that belongs only to the outgoing shot, `end_frame` the first that
    belongs only to the incoming one. Either may lie outside the window, which cuts the transition."""

    start_frame: int
    end_frame: int
    kind: str


@dataclass(frozen=True)
class Composed:
    """A sample: frames uint8 [frames, 27, 48, 3], the transitions that have a gap between two frames of
    the window, and disturbances, all in order of time."""

    frames: Frames
    transitions: tuple[ComposedTransition, ...]
    disturbances: tuple[Event, ...]

    @property
    def during(self) -> Floats:
        """[frames], 1 at each gap (between a frame and the next) within a transition."""
        label = np.zeros(len(self.frames), np.float32)
        for each in self.transitions:
            label[max(0, each.start_frame) : max(0, each.end_frame)] = 1
        label[-1] = 0
        return label

    @property
    def centre(self) -> Floats:
        """[frames], 1 at the gap in the middle of each transition, the earlier one of two."""
        label = np.zeros(len(self.frames), np.float32)
        for each in self.transitions:
            gap = (each.start_frame + each.end_frame - 1) // 2
            if 0 <= gap < len(label) - 1:
                label[gap] = 1
        return label


class _Video:
    """Frames so far, and what is known of them."""

    def __init__(self) -> None:
        self._pieces: list[Frames] = []
        self._num_frames = 0
        self._transitions: list[ComposedTransition] = []
        self._disturbances: list[Event] = []

    def join(self, outgoing: Shot, incoming: Shot, kind: str, junction: Junction) -> None:
        """Go over from a shot to the next."""
        start_frame = self._num_frames - 1
        if junction.num_frames:
            self._add(
                junction.render(outgoing.frames[outgoing.whole[1] :], incoming.frames[: incoming.whole[0]])
            )
        self._transitions.append(ComposedTransition(start_frame, self._num_frames, kind))

    def append(self, shot: Shot, events: list[Event]) -> None:
        """Go on with the frames that belong to a shot only."""
        offset = self._num_frames - shot.whole[0]
        self._disturbances += [(offset + first, offset + last, kind) for first, last, kind in events]
        self._add(shot.own)

    def _add(self, frames: Frames) -> None:
        self._pieces.append(frames)
        self._num_frames += len(frames)

    def window(self, skipped: int, num_frames: int) -> Composed:
        """A window of the video; where the video is too short, its last frame stays."""
        missing = max(0, skipped + num_frames - self._num_frames)
        still = np.repeat(self._pieces[-1][-1:], missing, 0)
        frames = np.concatenate([*self._pieces, still])[skipped : skipped + num_frames]
        transitions = (
            ComposedTransition(each.start_frame - skipped, each.end_frame - skipped, each.kind)
            for each in self._transitions
        )
        disturbances = (
            (max(0, first - skipped), min(last - skipped, num_frames - 1), kind)
            for first, last, kind in self._disturbances
        )
        return Composed(
            frames=frames,
            transitions=tuple(
                each for each in transitions if each.end_frame > 0 and each.start_frame < num_frames - 1
            ),
            disturbances=tuple(sorted(each for each in disturbances if each[0] <= each[1])),
        )


def compose(
    rng: np.random.Generator,
    shots: ShotSource,
    num_frames: int = 100,
    settings: ComposeSettings | None = None,
) -> Composed:
    """A window of a made-up video: nought to about five transitions, and disturbances that are none.

    Args:
        rng: where all draws come from; the same state and source give the same sample.
        shots: where shots come from. If it keeps on yielding pictures that are alike, the last frame
            of the last shot that could be told apart stays until the end of the window.
        num_frames: frames of the window, 2 or more.
        settings: the shares; None for those of training.
    """
    settings = settings or ComposeSettings()
    quiet = rng.random() < settings.quiet_windows
    plan = Plan((num_frames,), ()) if quiet else planned(rng, num_frames, settings.shortest_shot_frames)
    source = dressed(rng, shots, settings)
    video = _Video()
    previous: Shot | None = None
    for index, whole in enumerate(cast(rng, source, plan, settings)):
        shot, events = _disturbed(rng, whole, shots, _num_disturbances(rng, quiet, settings.disturbed_shots))
        if previous is not None:
            video.join(previous, shot, *plan.junctions[index - 1])
        video.append(shot, events)
        previous = shot
    window = video.window(plan.skipped, num_frames)
    return _at_edge(rng, window) if rng.random() < settings.edge_windows else window


def _num_disturbances(rng: np.random.Generator, quiet: bool, share: float) -> int:
    return int(rng.integers(1, _MAX_DISTURBANCES + 1)) if quiet else int(rng.random() < share)


def _disturbed(
    rng: np.random.Generator, shot: Shot, shots: ShotSource, times: int
) -> tuple[Shot, list[Event]]:
    frames = shot.frames
    events = []
    for _ in range(times):
        frames, event = disturbed(rng, frames, shot.whole, lambda num_frames: shots(rng, num_frames)[0])
        events += [event] if event else []
    return replace(shot, frames=frames), events


def _at_edge(rng: np.random.Generator, window: Composed) -> Composed:
    """A window at the beginning or the end of its video, if it has room there."""
    if rng.random() < 0.5:
        room = min((each.start_frame + 1 for each in window.transitions), default=len(window.frames))
        part, backwards = slice(0, max(0, room)), False
    else:
        room = len(window.frames) - max((each.end_frame for each in window.transitions), default=0)
        part, backwards = slice(len(window.frames) - max(0, room), None), True
    if room < _MIN_EDGE_FRAMES:
        return window
    frames = window.frames.copy()
    calm = frames[part][::-1] if backwards else frames[part]
    changed, num_changed = begun(rng, calm)
    frames[part] = changed[::-1] if backwards else changed
    first = len(frames) - num_changed if backwards else 0
    event = [(first, first + num_changed - 1, "edge")] if num_changed else []
    return replace(window, frames=frames, disturbances=tuple(sorted([*window.disturbances, *event])))

"""A film: shots joined by transitions, rendered frame by frame, its true shot boundaries known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from examples.footage.canvas import Image, Scene, View
from examples.footage.sound import Stereo
from examples.footage.texture import Random
from examples.footage.titles import Title

STILL = View()


@dataclass(frozen=True)
class Shot:
    """A scene filmed for a while, the camera moving smoothly from one view to another.

    `duration_s` is how long the shot is seen alone, transitions not counted; `fps` is its frame rate
    where it differs from the film's.
    """

    scene: Callable[[Random], Scene]
    duration_s: float
    start: View = STILL
    end: View = STILL
    title: Title | None = None
    fps: int | None = None


@dataclass(frozen=True)
class Transition:
    """How one shot becomes the next: `frames` are those that belong to neither alone (0 for a cut)."""

    kind: Literal["cut", "dissolve", "fade"]
    frames: int = 0


CUT = Transition("cut")


@dataclass(frozen=True)
class Line:
    """A sentence of the narration and when it starts."""

    start_s: float
    text: str


@dataclass(frozen=True)
class Film:
    """A video file to be. `joins` has a transition between each two shots; `fade_in` and `fade_out` are
    frames at its edges; a film without `sound` gets no audio stream."""

    name: str
    fps: int
    shots: tuple[Shot, ...]
    joins: tuple[Transition, ...]
    sound: Callable[[Random, float], Stereo] | None = None
    speaker: str = ""
    narration: tuple[Line, ...] = ()
    fade_in: int = 0
    fade_out: int = 0
    hard_negatives: tuple[tuple[int, int, str], ...] = ()

    def __post_init__(self) -> None:
        assert len(self.joins) == len(self.shots) - 1, f"{self.name}: one transition between two shots"
        for (first, second), join in zip(itertools.pairwise(self.shots), self.joins, strict=True):
            assert join.kind == "cut" or self.rate(first) == self.rate(second), f"{self.name}: mixed rates"

    def rate(self, shot: Shot) -> int:
        """Frames per second of a shot."""
        return shot.fps or self.fps

    def alone(self, shot: Shot) -> int:
        """How many frames belong to a shot alone."""
        return round(shot.duration_s * self.rate(shot))

    @property
    def frame_rates(self) -> list[int]:
        """The rate that each frame is shown at, in order."""
        rates: list[int] = []
        for shot, join in zip(self.shots, (*self.joins, CUT), strict=True):
            rates += [self.rate(shot)] * (self.alone(shot) + join.frames)
        return rates

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        return float(sum(1 / rate for rate in self.frame_rates))

    def truth(self) -> dict[str, Any]:
        """The shot boundaries, in frames counted from 0: `start` is the last frame that belongs only to
        the outgoing shot, `end` the first that belongs only to the incoming one."""
        transitions, end = [], 0
        for shot, join in zip(self.shots, self.joins, strict=False):
            start = end + self.alone(shot) - 1
            end = start + join.frames + 1
            transitions.append({"start": start, "end": end, "type": join.kind})
        count = len(self.frame_rates)
        fades = [[0, self.fade_in - 1, "in"]] if self.fade_in else []
        fades += [[count - self.fade_out, count - 1, "out"]] if self.fade_out else []
        return {
            "fps": round(count / self.duration_s, 6),
            "frames": count,
            "transitions": transitions,
            "edge_fades": fades,
            "hard_negatives": [list(place) for place in self.hard_negatives],
        }

    def frames(self, seed: list[int]) -> Iterator[Image]:
        """Every frame, in order; the same seed gives the same pictures."""
        count = len(self.frame_rates)
        for index, frame in enumerate(self._joined(seed)):
            light = min(1.0, (index + 1) / (self.fade_in + 1), (count - index) / (self.fade_out + 1))
            yield frame if light == 1.0 else cv2.convertScaleAbs(frame, alpha=light)

    def _joined(self, seed: list[int]) -> Iterator[Image]:
        before = 0
        outgoing: Iterator[Image] | None = None
        for index, shot in enumerate(self.shots):
            after = self.joins[index].frames if index < len(self.joins) else 0
            pictures = self._shot(shot, np.random.default_rng([*seed, index]), before, after)
            if outgoing is not None:
                yield from _mixed(self.joins[index - 1], outgoing, pictures)
            yield from itertools.islice(pictures, self.alone(shot))
            outgoing, before = pictures, after

    def _shot(self, shot: Shot, random: Random, before: int, after: int) -> Iterator[Image]:
        scene = shot.scene(random)
        count = before + self.alone(shot) + after
        for index in range(count):
            time_s = index / self.rate(shot)
            share = index / max(1, count - 1)
            picture = scene.draw(time_s, _between(shot.start, shot.end, share * share * (3 - 2 * share)))
            yield shot.title.draw(picture, time_s) if shot.title else picture


def _mixed(join: Transition, outgoing: Iterator[Image], incoming: Iterator[Image]) -> Iterator[Image]:
    """The frames of a transition. A fade goes to black in its first half and comes back in its second."""
    for index in range(join.frames):
        share = (index + 1) / (join.frames + 1)
        first, second = next(outgoing), next(incoming)
        if join.kind == "dissolve":
            yield cv2.addWeighted(first, 1 - share, second, share, 0)
        else:
            yield cv2.convertScaleAbs(first if share < 0.5 else second, alpha=abs(1 - 2 * share))


def _between(start: View, end: View, share: float) -> View:
    return View(
        start.x_px + (end.x_px - start.x_px) * share,
        start.y_px + (end.y_px - start.y_px) * share,
        start.zoom + (end.zoom - start.zoom) * share,
    )

"""Procedural scenes: each call draws one shot that has no transition in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from curation.detect.learning.pool import Frames

KINDS: dict[str, float] = {
    "view": 4.0,
    "people": 6.0,
    "talking": 4.0,
    "still": 1.5,
    "surveillance": 1.5,
    "action": 4.0,
    "night": 2.5,
    "fog": 1.0,
    "snow": 1.0,
    "slide": 3.0,
    "lecture": 1.0,
    "title": 2.0,
    "credits": 0.7,
    "board": 0.7,
    "window": 1.5,
    "typing": 0.7,
    "cartoon": 3.0,
    "driving": 1.5,
    "sport": 2.0,
    "shooter": 1.0,
    "platform": 0.7,
    "particles": 1.5,
    "fire": 1.0,
    "explosion": 1.2,
    "water": 1.0,
    "stage": 1.5,
    "pattern": 1.0,
    "timelapse": 0.7,
}
"""Kinds of scenes, and how often each is drawn."""


def render_scene(
    kind: str, rng: np.random.Generator, num_frames: int, fps: float, *, look_seed: int | None = None
) -> Frames:
    """A shot of a kind of scene, uint8 [n, 27, 48, 3] (RGB): the same for the same state of `rng`.

    Shots drawn with one `look_seed` share colours, bars, logo, grain and encoder, as shots of one film do;
    without one, the look is drawn from `rng` too. Motion is by the second, so `fps` decides how much
    changes from frame to frame.

    Raises:
        ValueError: there is no such kind.
    """
    from curation.detect.learning.scenes.canvas import reduced
    from curation.detect.learning.scenes.finish import finished
    from curation.detect.learning.scenes.kinds import DRAWN
    from curation.detect.learning.scenes.look import draw_look

    if kind not in DRAWN:
        raise ValueError(f"no kind of scene '{kind}'. Choose from: {', '.join(KINDS)}.")
    scene = DRAWN[kind]
    film = np.random.default_rng(look_seed if look_seed is not None else int(rng.integers(1 << 62)))
    look = draw_look(film, scene.mood)
    small = [reduced(frame) for frame in scene.frames(rng, look, num_frames, fps)]
    return finished(np.stack(small), film, rng, fps)

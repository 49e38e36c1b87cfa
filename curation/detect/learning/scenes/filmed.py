"""Filmed scenes: a place in layers, a camera, actors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from curation.detect.learning.scenes.actors import Actor, draw_actor, put
from curation.detect.learning.scenes.camera import (
    GENTLE,
    LIVELY,
    WILD,
    Path,
    blurred_view,
    camera_path,
    still_path,
)
from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Floats, Rng
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.places import Layer, draw_place
from curation.detect.learning.scenes.textures import vignette


@dataclass(frozen=True)
class Setting:
    """What a filmed scene is made of."""

    layers: list[Layer]
    path: Path
    actors: list[Actor]
    shutter: float = 0.5
    vignette: Floats | None = None


def play(setting: Setting, fps: float) -> Iterator[Floats]:
    """Frames, float32 [108, 192, 3], one for each pose of the camera."""
    still = bool(np.ptp(setting.path, axis=0).max() == 0)
    behind: Floats | None = None
    for at, pose in enumerate(setting.path):
        before = setting.path[max(0, at - 1)]
        if behind is None or not still:
            behind = _backdrop(setting, pose, before)
        frame = behind.copy()
        zoom = float(np.exp(pose[2]))
        shift = (-pose[0] * WIDTH * zoom, -pose[1] * WIDTH * zoom)
        for actor in setting.actors:
            put(frame, actor, at, fps, shift=shift)
        yield frame if setting.vignette is None else frame * setting.vignette


def _backdrop(setting: Setting, pose: Path, before: Path) -> Floats:
    frame: Floats = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for layer in setting.layers:
        seen = blurred_view(layer.picture, pose, before, shutter=setting.shutter, depth=layer.depth)
        if layer.picture.shape[2] == 3:
            frame = seen.astype(np.float32)
        else:
            alpha = seen[..., 3:].astype(np.float32) / 255
            frame += (seen[..., :3] - frame) * alpha
    return frame


def view_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A place seen by a moving camera, nobody in it."""
    path = camera_path(rng, num, fps, GENTLE if rng.uniform() < 0.5 else LIVELY)
    return play(staged(rng, look, path), fps)


def people_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Actors in a place, the camera still or moving."""
    path = camera_path(rng, num, fps, LIVELY)
    actors = [draw_actor(rng, look, num, fps) for _ in range(int(rng.integers(1, 7)))]
    return play(staged(rng, look, path, actors), fps)


def talking_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """One or two heads that talk, before a camera on a tripod or in a hand."""
    path = camera_path(rng, num, fps, {"static": 4.0, "tremble": 1.0, "handheld": 1.0, "zoom": 0.5})
    heads = 1 if rng.uniform() < 0.7 else 2
    actors = []
    for k in range(heads):
        head = draw_actor(rng, look, num, fps, "head")
        size = rng.uniform(0.7, 1.3) / heads**0.5
        sway = rng.uniform(0.2, 1.0)
        x = WIDTH * ((k + 0.5) / heads + rng.uniform(-0.15, 0.15))
        actors.append(
            Actor(
                head.sprite,
                x + sway * (head.x - head.x.mean()) * 0.1,
                HEIGHT * (1.02 - size * 0.5) + sway * (head.y - head.y.mean()) * 0.1,
                np.full(num, size),
                sway * 0.3 * head.angle_deg,
                np.ones(num),
            )
        )
    return play(staged(rng, look, path, actors), fps)


def still_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Nothing moves: a photograph, an empty room, a frozen frame."""
    actors = [draw_actor(rng, look, 1, fps) for _ in range(int(rng.integers(0, 4)))]
    frame = next(play(staged(rng, look, camera_path(rng, 1, fps, GENTLE), actors), fps))
    return (frame for _ in range(num))


def surveillance_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A fixed camera high up; little ones pass now and then."""
    path = still_path(num) + np.array(
        [rng.uniform(-0.2, 0.2), 0, rng.uniform(-0.1, 0.3), rng.normal(0, 0.05)]
    )
    actors = []
    for _ in range(int(rng.integers(0, 6))):
        actor = draw_actor(rng, look, num, fps, str(rng.choice(("person", "car", "box", "animal"))))
        actors.append(
            Actor(
                actor.sprite, actor.x, actor.y, np.clip(actor.size, 0, 0.35), actor.angle_deg, actor.opacity
            )
        )
    return play(staged(rng, look, path, actors), fps)


def action_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Whip pans, crash zooms, spins and jolts, with things close to the lens."""
    path = camera_path(rng, num, fps, WILD)
    actors = [draw_actor(rng, look, num, fps) for _ in range(int(rng.integers(0, 6)))]
    return play(staged(rng, look, path, actors), fps)


def staged(rng: Rng, look: Look, path: Path, actors: list[Actor] | None = None) -> Setting:
    """A drawn place before a camera; in some shots of a look it is the same place from elsewhere."""
    shade = vignette(rng, HEIGHT, WIDTH) if rng.uniform() < 0.4 else None
    place_rng = rng
    if rng.uniform() < 0.3:
        place_rng = np.random.default_rng(look.seed)
        elsewhere = (rng.uniform(-0.5, 0.5), rng.uniform(-0.15, 0.15), rng.uniform(-0.1, 0.8), 0.0)
        path = np.add(path, elsewhere)
    return Setting(draw_place(place_rng, look), path, actors or [], float(rng.uniform(0.1, 0.9)), shade)

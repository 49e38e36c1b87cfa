"""What moves in front of a place: people, heads, vehicles, animals and things, as small cut-out pictures."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Floats, Rng, pick, smooth_noise
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.textures import random_noise

_SIDE = 96
"""Width and height of a sprite, in pixels."""
_PHASES = 8

ACTORS = {"person": 4.0, "head": 2.0, "car": 2.0, "blob": 2.0, "animal": 1.0, "box": 1.0, "ball": 1.0}


@dataclass(frozen=True)
class Sprite:
    """A cycle of pictures with alpha, float32 [phases, 96, 96, 4] of 0..255, colours multiplied by
    alpha; `cycle_s` long."""

    pictures: Floats
    cycle_s: float


@dataclass(frozen=True)
class Actor:
    """A sprite and where it is: x, y of its middle in pixels of the frame, size as a share of the frame's
    height, angle in degrees and opacity 0..1, [n] each."""

    sprite: Sprite
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    angle_deg: npt.NDArray[np.float64]
    opacity: npt.NDArray[np.float64]


def draw_sprite(rng: Rng, look: Look, sort: str | None = None) -> Sprite:
    """A sprite of some sort, or of one drawn."""
    sort = sort or pick(rng, ACTORS)
    cycle_s = float(rng.uniform(0.6, 1.4))
    bright = max(float(look.ramps[0][255].max()), 40.0) / 255
    colours = look.accents[rng.permutation(8)]
    skin = np.array((225, 175, 140), np.float32) * rng.uniform(0.3, 1.1) * bright
    state = rng.bit_generator.state
    pictures = []
    for phase in range(_PHASES):
        rng.bit_generator.state = state
        pictures.append(_DRAWN[sort](rng, colours, skin, 2 * np.pi * phase / _PHASES))
    stack = np.stack(pictures)
    shade = 0.65 + 0.7 * random_noise(rng, _SIDE, _SIDE)
    stack[..., :3] *= shade[..., None]
    if rng.uniform() < 0.15:
        stack[..., :3] *= 0.15
    if rng.uniform() < 0.5:
        stack = np.ascontiguousarray(stack[:, :, ::-1])
    return Sprite(stack, cycle_s)


def draw_actor(rng: Rng, look: Look, num: int, fps: float, sort: str | None = None) -> Actor:
    """An actor that crosses, wanders, stays, pops up or leaves."""
    seconds = np.arange(num) / fps
    size = rng.uniform(0.12, 0.9) if rng.uniform() < 0.8 else rng.uniform(0.9, 1.8)
    x0, y0 = rng.uniform(0.1, 0.9) * WIDTH, rng.uniform(0.35, 0.85) * HEIGHT
    x, y = np.full(num, x0), np.full(num, y0)
    opacity = np.ones(num)
    way = pick(rng, {"cross": 3, "wander": 3, "stay": 2, "pop": 1, "fall": 0.5, "bounce": 1, "near": 0.7})
    if way == "cross":
        speed = rng.uniform(0.15, 1.2) * WIDTH * rng.choice((-1, 1))
        x = WIDTH / 2 + speed * (seconds - rng.uniform(0.1, 0.9) * seconds[-1])
        y = y0 + 2 * np.sin(seconds * rng.uniform(4, 12))
    elif way in ("wander", "stay"):
        reach = 0.3 if way == "wander" else 0.03
        x = x0 + reach * WIDTH * smooth_noise(rng, num, fps * rng.uniform(0.5, 2))
        y = y0 + 0.5 * reach * HEIGHT * smooth_noise(rng, num, fps * rng.uniform(0.5, 2))
    elif way == "pop":
        size = min(size, 0.6)
        start = rng.uniform(0.1, 0.9) * seconds[-1]
        opacity = np.where((seconds > start) & (seconds < start + rng.uniform(0.3, 4)), 1.0, 0.0)
    elif way == "fall":
        since = seconds - rng.uniform(0, 0.6) * seconds[-1]
        y = -40 + 60 * since + 150 * since * np.abs(since)
    elif way == "bounce":
        x = x0 + rng.normal(0, 0.3) * WIDTH * (seconds - seconds[-1] / 2)
        y = HEIGHT * 0.85 - HEIGHT * 0.5 * np.abs(np.sin(seconds * rng.uniform(2, 6)))
    else:
        speed = rng.uniform(1.0, 4.0) * WIDTH * rng.choice((-1, 1))
        x = WIDTH / 2 + speed * (seconds - rng.uniform(0.1, 0.9) * seconds[-1])
        size = rng.uniform(1.2, 2.6)
    growth = rng.normal(0, 0.12) if rng.uniform() < 0.4 else 0.0
    sizes = size * np.exp(np.clip(growth * (seconds - seconds[-1] / 2), -1, 1))
    angle = np.zeros(num) if rng.uniform() < 0.7 else 15 * smooth_noise(rng, num, fps)
    if rng.uniform() < 0.08:
        angle = seconds * rng.uniform(-400, 400)
    return Actor(draw_sprite(rng, look, sort), x, y, sizes, angle, opacity)


def put(frame: Floats, actor: Actor, at: int, fps: float, *, shift: tuple[float, float] = (0.0, 0.0)) -> None:
    """Draw an actor at a frame number into a frame, float32 [108, 192, 3], moved by `shift` pixels."""
    if actor.opacity[at] <= 0:
        return
    scale = actor.size[at] * HEIGHT / _SIDE
    x, y = actor.x[at] + shift[0], actor.y[at] + shift[1]
    reach = scale * _SIDE * 0.71 + 2
    left, right = max(0, int(x - reach)), min(WIDTH, int(x + reach) + 1)
    top, bottom = max(0, int(y - reach)), min(HEIGHT, int(y + reach) + 1)
    if left >= right or top >= bottom:
        return
    sprite = actor.sprite
    phase = int(at / fps / sprite.cycle_s * _PHASES) % _PHASES
    turn = np.deg2rad(actor.angle_deg[at])
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    middle = _SIDE / 2
    matrix = np.array(
        [
            [cos, -sin, x - left - cos * middle + sin * middle],
            [sin, cos, y - top - sin * middle - cos * middle],
        ]
    )
    drawn = cv2.warpAffine(
        sprite.pictures[phase], matrix, (right - left, bottom - top), flags=cv2.INTER_LINEAR
    )
    under = frame[top:bottom, left:right]
    under *= 1 - drawn[..., 3:] * (actor.opacity[at] / 255)
    under += drawn[..., :3] * actor.opacity[at]


def _blank() -> Floats:
    return np.zeros((_SIDE, _SIDE, 4), np.float32)


def _colour(colour: Floats) -> tuple[float, float, float, float]:
    red, green, blue = (float(v) for v in colour)
    return red, green, blue, 255.0


def _oval(picture: Floats, centre: tuple[float, float], axes: tuple[float, float], colour: Floats) -> None:
    x, y = centre
    a, b = axes
    cv2.ellipse(
        picture,
        (int(x * 16), int(y * 16)),
        (max(8, int(a * 16)), max(8, int(b * 16))),
        0,
        0,
        360,
        _colour(colour),
        -1,
        cv2.LINE_AA,
        4,
    )


def _limb(picture: Floats, ends: tuple[float, float, float, float], thickness: float, colour: Floats) -> None:
    x0, y0, x1, y1 = (int(v) for v in ends)
    cv2.line(picture, (x0, y0), (x1, y1), _colour(colour), max(1, int(thickness)), cv2.LINE_AA)


def _person(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture, swing = _blank(), np.sin(phase)
    girth = rng.uniform(7, 13)
    stride = rng.uniform(0, 14)
    reach = rng.uniform(2, 16)
    for side in (-1, 1):
        _limb(picture, (48, 56, 48 + side * (3 + stride * swing), 92), girth * 0.6, colours[1])
        _limb(picture, (48, 32, 48 + side * (girth + reach * swing), 54), girth * 0.4, skin)
    _oval(picture, (48, 43), (girth, 17), colours[0])
    _oval(picture, (48, 17 + swing), (6.5, 8), skin)
    if rng.uniform() < 0.7:
        _oval(picture, (48, 12 + swing), (7, 5), colours[2] * 0.5)
    return picture


def _head(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    """Head and shoulders, talking."""
    picture, nod = _blank(), np.sin(phase)
    _oval(picture, (48, 98), (rng.uniform(34, 46), rng.uniform(30, 38)), colours[0])
    _limb(picture, (48, 55, 48, 74), 16, skin * 0.9)
    width, tall = rng.uniform(16, 22), rng.uniform(22, 28)
    hair = colours[2] * 0.5
    _oval(picture, (48, 33 + nod), (width + 3, tall + rng.uniform(0, 6)), hair)
    _oval(picture, (48 + nod, 41 + nod), (width, tall * 0.9), skin)
    for side in (-1, 1):
        _oval(picture, (48 + nod + side * width * 0.42, 36 + nod), (2.4, 1.8), skin * 0.2)
    mouth = 1.0 + 3.0 * abs(np.sin(phase * 2))
    _oval(picture, (48 + nod, 54 + nod), (6, mouth), skin * 0.45)
    return picture


def _car(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture = _blank()
    height = rng.uniform(14, 30)
    cv2.rectangle(picture, (4, int(66 - height * 0.5)), (92, 72), _colour(colours[0]), -1)
    roof = np.array([[20, 66 - height * 0.5], [32, 66 - height], [66, 66 - height], [80, 66 - height * 0.5]])
    cv2.fillPoly(picture, [roof.astype(np.int32)], _colour(colours[0] * 0.5), cv2.LINE_AA)
    for x in (22, 74):
        _oval(picture, (x, 72), (9, 9), np.full(3, 20.0, np.float32))
        _oval(picture, (x, 72), (4, 4), np.full(3, 90.0, np.float32))
    return picture


def _blob(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture = _blank()
    for k in range(int(rng.integers(2, 6))):
        angle = phase + rng.uniform(0, 2 * np.pi)
        centre = (48 + rng.normal(0, 10) + 3 * np.cos(angle), 48 + rng.normal(0, 10) + 3 * np.sin(angle))
        _oval(picture, centre, (rng.uniform(8, 26), rng.uniform(8, 26)), colours[k % 3])
    if rng.uniform() < 0.4:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.float32)
    return picture


def _animal(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture, swing = _blank(), np.sin(phase)
    coat = colours[0] * 0.8
    for k, x in enumerate((30, 36, 62, 68)):
        _limb(picture, (x, 54, x + (8 if k % 2 else -8) * swing, 82), 6, coat * 0.8)
    _oval(picture, (49, 50), (26, 13), coat)
    _oval(picture, (78, 36 + 2 * swing), (11, 9), coat)
    _limb(picture, (24, 46, 10, 36 + 8 * swing), 4, coat)
    return picture


def _box(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture = _blank()
    w, h = rng.uniform(14, 46, 2)
    cv2.rectangle(picture, (int(48 - w), int(48 - h)), (int(48 + w), int(48 + h)), _colour(colours[0]), -1)
    cv2.rectangle(picture, (int(48 - w / 2), int(48 - h / 2)), (int(48 + w / 3), 48), _colour(colours[1]), -1)
    return picture


def _ball(rng: Rng, colours: Floats, skin: Floats, phase: float) -> Floats:
    picture = _blank()
    _oval(picture, (48, 48), (40, 40), colours[0])
    _oval(picture, (48 + 20 * np.cos(phase), 48 + 20 * np.sin(phase)), (14, 14), colours[1])
    return picture


_DRAWN = {
    "person": _person,
    "head": _head,
    "car": _car,
    "blob": _blob,
    "animal": _animal,
    "box": _box,
    "ball": _ball,
}

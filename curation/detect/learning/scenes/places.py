"""Places to film: still pictures, larger than the frame, in layers from far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Bytes, Floats, Rng, grid, pick, to_bytes
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.textures import (
    coloured,
    fractal_noise,
    lit,
    random_noise,
    regions,
    skyline,
)

PLACE_HEIGHT = 2 * HEIGHT
PLACE_WIDTH = 2 * WIDTH
_SIZE = (PLACE_HEIGHT, PLACE_WIDTH)


@dataclass(frozen=True)
class Layer:
    """A picture, uint8 [H, W, 3], or [H, W, 4] with alpha. `depth` is how much it moves with the camera:
    1 is the plane the camera points at, less is farther."""

    picture: Bytes
    depth: float = 1.0


PLACES = {
    "landscape": 3.0,
    "city": 2.0,
    "room": 3.0,
    "texture": 2.0,
    "patches": 1.5,
    "bokeh": 1.5,
    "crowd": 1.0,
    "forest": 1.0,
    "lights": 0.7,
}


def draw_place(rng: Rng, look: Look, place: str | None = None) -> list[Layer]:
    """Layers of a place of some sort, or of one drawn."""
    return _DRAWN[place or pick(rng, PLACES)](rng, look)


def _cut_out(colours: Floats, alpha: Floats, depth: float) -> Layer:
    return Layer(to_bytes(np.dstack([colours, alpha])), depth)


def _landscape(rng: Rng, look: Look) -> list[Layer]:
    y, _ = grid(*_SIZE)
    sky_ramp, ground_ramp = look.ramps[0], look.ramps[1]
    clouds = fractal_noise(rng, *_SIZE, exponent=1.7, stretch=float(rng.uniform(1, 2.5)))
    cloudiness = rng.uniform(0, 0.6)
    horizon = rng.uniform(0.35, 0.65)
    sky = 0.95 - 0.35 * np.clip(1 - y / horizon, 0, 1) * rng.uniform(0, 1) + cloudiness * (clouds - 0.5)
    layers = [Layer(to_bytes(coloured(sky, sky_ramp)), 0.4)]
    count = int(rng.integers(1, 5))
    for k in range(count):
        near = (k + 1) / count
        base = horizon + (0.3 * k / count)
        ridge = base - rng.uniform(0.02, 0.16) * skyline(rng, PLACE_WIDTH, rng.uniform(0.8, 1.8))
        alpha = np.clip((y - ridge[None, :]) * np.float32(255 * PLACE_HEIGHT), 0, 255).astype(np.float32)
        ground = random_noise(rng, *_SIZE) * (0.25 + 0.5 * near) + (1 - near) * 0.35
        colours = coloured(ground, ground_ramp if rng.uniform() < 0.6 else look.ramps[int(rng.integers(4))])
        colours += (sky_ramp[200] - colours) * np.float32((1 - near) * rng.uniform(0.2, 0.8))
        layers.append(_cut_out(colours, alpha, 0.5 + 0.6 * near))
    return layers


def _city(rng: Rng, look: Look) -> list[Layer]:
    y, _ = grid(*_SIZE)
    sky = coloured(0.6 + 0.4 * y, look.ramps[0])
    layers = [Layer(to_bytes(sky), 0.4)]
    for depth in (0.6, 1.0):
        picture, alpha = np.zeros((*_SIZE, 3), np.float32), np.zeros(_SIZE, np.float32)
        x = -10
        while x < PLACE_WIDTH:
            width = int(rng.integers(14, 60))
            top = int(rng.uniform(0.05, 0.6) * PLACE_HEIGHT)
            _building(rng, look, picture, alpha, (x, top, width), far=depth < 1)
            x += width + int(rng.integers(0, 12) * (rng.uniform() < 0.4))
        layers.append(_cut_out(picture, alpha, depth))
    ground = int(rng.uniform(0.7, 0.85) * PLACE_HEIGHT)
    street = lit(rng, coloured(random_noise(rng, *_SIZE) * 0.4, look.ramps[2]))
    layers[-1].picture[ground:, :, :3] = street[ground:]
    layers[-1].picture[ground:, :, 3] = 255
    return layers


def _building(
    rng: Rng, look: Look, picture: Floats, alpha: Floats, place: tuple[int, int, int], *, far: bool
) -> None:
    x, top, width = place
    ramp = look.ramps[int(rng.integers(1, 4))]
    wall = ramp[int(rng.integers(60, 200))] * (0.6 if far else 1.0) + (look.ramps[0][180] * 0.4 if far else 0)
    left, right = max(0, x), max(0, x + width)
    picture[top:, left:right] = wall
    alpha[top:, left:right] = 255
    window = ramp[int(rng.integers(0, 256))] if rng.uniform() < 0.6 else look.accents[int(rng.integers(8))]
    step_x, step_y = int(rng.integers(5, 12)), int(rng.integers(6, 14))
    for wy in range(top + 3, PLACE_HEIGHT, step_y):
        for wx in range(x + 2, x + width - step_x // 2, step_x):
            if wx >= 0 and rng.uniform() < 0.85:
                colour = window * rng.uniform(0.5, 1.1)
                picture[wy : wy + step_y // 2, wx : min(right, wx + step_x // 2)] = colour


def _room(rng: Rng, look: Look) -> list[Layer]:
    y, x = grid(*_SIZE)
    ramp = look.ramps[0]
    wall = ramp[int(rng.integers(90, 230))]
    picture = np.broadcast_to(wall, (*_SIZE, 3)).copy()
    picture *= (0.8 + 0.3 * x * rng.choice((-1, 1)) + 0.1 * random_noise(rng, *_SIZE))[..., None]
    if rng.uniform() < 0.75:
        floor = rng.uniform(0.62, 0.85)
        boards = coloured(fractal_noise(rng, *_SIZE, stretch=2.5) * 0.5 + rng.uniform(0, 0.4), look.ramps[1])
        picture = np.where((y > floor)[..., None], boards, picture)
    for _ in range(int(rng.integers(2, 12))):
        _furniture(rng, look, picture)
    layers = [Layer(lit(rng, picture))]
    if rng.uniform() < 0.3:
        layers.append(_near_blur(rng, look))
    return layers


def _furniture(rng: Rng, look: Look, picture: Floats) -> None:
    width, height = (int(v) for v in rng.uniform(0.04, 0.35, 2) * (PLACE_WIDTH * 0.8, PLACE_HEIGHT))
    left, top = int(rng.uniform(0, PLACE_WIDTH - width)), int(rng.uniform(0, PLACE_HEIGHT - height))
    box = picture[top : top + height, left : left + width]
    if not box.size:
        return
    colour = look.accents[int(rng.integers(8))]
    ramp = look.ramps[int(rng.integers(4))]
    sort = rng.uniform()
    if sort < 0.35:
        box[:] = colour
    elif sort < 0.6:
        box[:] = coloured(random_noise(rng, *box.shape[:2]), ramp)
    elif sort < 0.75:
        box[:] = ramp[235]
        border = max(1, min(box.shape[:2]) // 10)
        inner = box[border:-border, border:-border]
        if inner.size:
            inner[:] = coloured(random_noise(rng, *inner.shape[:2]), look.ramps[int(rng.integers(4))])
    elif sort < 0.9:
        box[:] = ramp[int(rng.integers(20, 120))]
        for row in range(0, box.shape[0], int(rng.integers(8, 20))):
            box[row : row + 1] = ramp[int(rng.integers(120, 256))]
    else:
        centre = (left + width // 2, top + height // 2)
        axes = (max(2, width // 2), max(2, height // 2))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)


def _near_blur(rng: Rng, look: Look) -> Layer:
    """Something close to the lens, out of focus at an edge."""
    alpha = np.zeros(_SIZE, np.float32)
    centre = (int(rng.choice((0.12, 0.88)) * PLACE_WIDTH), int(rng.uniform(0.5, 0.9) * PLACE_HEIGHT))
    axes = (int(rng.uniform(20, 60)), int(rng.uniform(40, 100)))
    cv2.ellipse(alpha, centre, axes, float(rng.uniform(-20, 20)), 0, 360, 255.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(3, 9)))
    colours = coloured(random_noise(rng, *_SIZE) * 0.4, look.ramps[int(rng.integers(4))])
    return _cut_out(colours, alpha, float(rng.uniform(1.3, 2.0)))


def _texture(rng: Rng, look: Look) -> list[Layer]:
    layers = [Layer(lit(rng, coloured(random_noise(rng, *_SIZE), look.ramps[0])))]
    if rng.uniform() < 0.4:
        mask = np.clip((random_noise(rng, *_SIZE) - rng.uniform(0.5, 0.7)) * 20, 0, 1)
        near = coloured(random_noise(rng, *_SIZE), look.ramps[1])
        layers.append(_cut_out(near, mask * 255, float(rng.uniform(1.1, 1.6))))
    return layers


def _patches(rng: Rng, look: Look) -> list[Layer]:
    count = int(rng.integers(3, 9))
    labels = regions(rng, *_SIZE, count)
    picture = np.zeros((*_SIZE, 3), np.float32)
    roughness = rng.uniform(0, 0.5)
    for label in range(count):
        field = rng.uniform(0.1, 0.9) + roughness * (random_noise(rng, *_SIZE) - 0.5)
        ramp = look.ramps[int(rng.integers(4))]
        picture[labels == label] = coloured(field, ramp)[labels == label]
    return [Layer(lit(rng, picture))]


def _bokeh(rng: Rng, look: Look) -> list[Layer]:
    picture = coloured(fractal_noise(rng, *_SIZE, exponent=2.6), look.ramps[0])
    for _ in range(int(rng.integers(5, 40))):
        centre = (int(rng.uniform(0, PLACE_WIDTH)), int(rng.uniform(0, PLACE_HEIGHT)))
        spot = look.accents[int(rng.integers(8))] * rng.uniform(0.6, 1.4)
        cv2.circle(picture, centre, int(rng.uniform(4, 22)), spot.tolist(), -1)
    return [Layer(to_bytes(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(1.5, 6)))))]


def _crowd(rng: Rng, look: Look) -> list[Layer]:
    picture = coloured(random_noise(rng, *_SIZE) * 0.3, look.ramps[0])
    size = rng.uniform(4, 12)
    for row in np.arange(0, PLACE_HEIGHT + size, size * 1.4):
        scale = size * (0.6 + 0.8 * row / PLACE_HEIGHT)
        for column in np.arange(0, PLACE_WIDTH, scale * 1.6):
            x, y = int(column + rng.normal(0, size / 3)), int(row + rng.normal(0, size / 3))
            shirt = look.accents[int(rng.integers(8))] * rng.uniform(0.4, 1.2)
            skin = np.array((205, 160, 130)) * rng.uniform(0.3, 1.1) * look.ramps[0][255].max() / 255
            cv2.ellipse(
                picture, (x, y + int(scale)), (int(scale * 0.7), int(scale)), 0, 0, 360, shirt.tolist(), -1
            )
            cv2.circle(picture, (x, y), max(1, int(scale * 0.4)), skin.tolist(), -1)
    return [Layer(lit(rng, picture))]


def _forest(rng: Rng, look: Look) -> list[Layer]:
    back = coloured(random_noise(rng, *_SIZE), look.ramps[0])
    layers = [Layer(lit(rng, back), 0.5)]
    for depth in (0.8, 1.3):
        picture = coloured(fractal_noise(rng, *_SIZE, stretch=2.5, angle_rad=1.57), look.ramps[1]) * 0.7
        alpha = np.zeros(_SIZE, np.float32)
        for _ in range(int(rng.integers(3, 10))):
            x, lean = int(rng.uniform(0, PLACE_WIDTH)), int(rng.normal(0, 12))
            thickness = int(rng.uniform(3, 14) * depth)
            cv2.line(alpha, (x, 0), (x + lean, PLACE_HEIGHT), 255.0, thickness)
        layers.append(_cut_out(picture, alpha, depth))
    return layers


def _lights(rng: Rng, look: Look) -> list[Layer]:
    """Points of light in the dark: a city at night, stars, a stage."""
    picture = coloured(fractal_noise(rng, *_SIZE, exponent=2.2) * 0.25, look.ramps[0])
    for _ in range(int(rng.integers(20, 250))):
        centre = (int(rng.uniform(0, PLACE_WIDTH)), int(rng.beta(3, 3) * PLACE_HEIGHT))
        spot = np.clip(look.accents[int(rng.integers(8))] * 2 + 40, 0, 255)
        cv2.circle(picture, centre, int(rng.exponential(1.2)), spot.tolist(), -1, cv2.LINE_AA)
    glow = cv2.GaussianBlur(picture, (0, 0), 5)
    return [Layer(to_bytes(picture + glow * rng.uniform(0.3, 1.5)))]


_DRAWN = {
    "landscape": _landscape,
    "city": _city,
    "room": _room,
    "texture": _texture,
    "patches": _patches,
    "bokeh": _bokeh,
    "crowd": _crowd,
    "forest": _forest,
    "lights": _lights,
}

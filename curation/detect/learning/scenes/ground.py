"""Scenes on a plane that runs to a horizon: roads, pitches, games."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from curation.detect.learning.scenes.actors import Actor, draw_actor, draw_sprite, put
from curation.detect.learning.scenes.camera import view
from curation.detect.learning.scenes.canvas import (
    HEIGHT,
    WIDTH,
    Bytes,
    Floats,
    Rng,
    smooth_noise,
    to_bytes,
)
from curation.detect.learning.scenes.lettering import colour, write_line
from curation.detect.learning.scenes.look import Look, hsv
from curation.detect.learning.scenes.places import draw_place
from curation.detect.learning.scenes.textures import coloured, random_noise

_TILE = 256


def driving_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """The view ahead from a car, a train or a runner; the road comes nearer, others pass."""
    road = _road(rng, look)
    pace, sway = rng.uniform(60, 500) / fps, 0.2 * smooth_noise(rng, num, fps * 1.5)
    horizon = rng.uniform(0.3, 0.55) * HEIGHT
    bump = rng.uniform(0, 2.5) * smooth_noise(rng, num, fps * 0.15)
    back = draw_place(rng, look)[0].picture
    sides = [_passer(rng, look, num, fps, horizon) for _ in range(int(rng.integers(0, 7)))]
    dash = rng.uniform() < 0.3
    for at in range(num):
        pose = np.array([sway[at] * 2, bump[at] / WIDTH, 0.0, 0.05 * sway[at]])
        frame = view(back, pose).astype(np.float32)
        _lay(frame, road, horizon + bump[at], float(sway[at]) * 30, pace * at)
        for actor in sides:
            put(frame, actor, at, fps, shift=(-float(sway[at]) * 120, bump[at]))
        if dash:
            frame[int(HEIGHT * 0.84) :] = look.ramps[3][20]
        yield frame


def sport_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Players on a pitch or a court, followed from the stand; a score in a corner."""
    turf = _pitch(rng, look)
    horizon = rng.uniform(-0.6, 0.3) * HEIGHT
    follow = rng.uniform(10, 90) * smooth_noise(rng, num, fps * rng.uniform(0.6, 2))
    along = rng.uniform(0, 40) * smooth_noise(rng, num, fps * 2)
    stand = draw_place(rng, look, "crowd")[0].picture
    players = []
    for _ in range(int(rng.integers(3, 14))):
        actor = draw_actor(rng, look, num, fps, "person")
        y = np.clip(actor.y, max(horizon + 12, 10), HEIGHT)
        size = np.clip(0.1 + 0.25 * (y - horizon) / HEIGHT, 0.08, 0.6)
        players.append(replace(actor, y=y, size=size, opacity=np.ones(num), angle_deg=np.zeros(num)))
    board = rng.uniform() < 0.6
    for at in range(num):
        frame = view(stand, np.array([follow[at] / WIDTH * 0.6, 0.1, 0.0, 0.0])).astype(np.float32)
        _lay(frame, turf, horizon, float(follow[at]), float(along[at]))
        for actor in players:
            put(frame, actor, at, fps, shift=(-float(follow[at]), 0.0))
        if board:
            frame[5:14, 8:60] = look.accents[0]
            frame[7:12, 12:34] = 240
        yield frame


def shooter_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A game seen through the eyes of its hero: walls, enemies, a weapon, a display; quick turns."""
    floor = to_bytes(coloured(random_noise(rng, _TILE, _TILE), look.ramps[1]))
    walls = draw_place(rng, look, str(rng.choice(("city", "room", "texture", "patches"))))[0].picture
    turn = rng.uniform(0.2, 1.5) * smooth_noise(rng, num, fps * rng.uniform(0.3, 1.2))
    pace, horizon = rng.uniform(20, 200) / fps, rng.uniform(0.4, 0.6) * HEIGHT
    enemies = [draw_actor(rng, look, num, fps) for _ in range(int(rng.integers(1, 5)))]
    hud = _display(rng, look)
    shots = rng.uniform(0, 1, num) < rng.uniform(0, 6) / fps
    for at in range(num):
        frame = view(walls, np.array([turn[at], 0.0, 0.1 + 0.02 * np.sin(at / fps * 8), 0.0])).astype(
            np.float32
        )
        _lay(frame, floor, horizon, float(turn[at]) * 150, pace * at)
        for actor in enemies:
            put(frame, actor, at, fps, shift=(-float(turn[at]) * WIDTH, 0.0))
        if shots[at]:
            cv2.circle(frame, (WIDTH // 2 + 14, int(HEIGHT * 0.75)), 16, (255.0, 240.0, 180.0), -1)
        yield frame * (1 - hud[..., 3:]) + hud[..., :3] * hud[..., 3:]


def platform_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A game in two dimensions: tiles scroll by, a figure jumps, things blink."""
    tiles = _tiles(rng, look)
    back = draw_place(rng, look, str(rng.choice(("landscape", "patches", "city"))))[0].picture
    pace = np.cumsum(np.clip(0.4 + 0.8 * smooth_noise(rng, num, fps), 0, 2)) * rng.uniform(10, 90) / fps
    hero = draw_sprite(rng, look)
    height = HEIGHT * (0.62 - 0.3 * np.abs(np.sin(np.arange(num) / fps * rng.uniform(2, 5))))
    full = np.ones(num)
    actor = Actor(hero, full * WIDTH * 0.4, height, full * 0.25, full * 0, full)
    hud = _display(rng, look)
    for at in range(num):
        frame = view(back, np.array([pace[at] / WIDTH * 0.3 % 1.5, 0, 0.2, 0])).astype(np.float32)
        shift = int(pace[at]) % WIDTH
        seen = np.roll(tiles, -shift, axis=1)[:, :WIDTH]
        frame = frame * (1 - seen[..., 3:]) + seen[..., :3] * seen[..., 3:]
        put(frame, actor, at, fps)
        yield frame * (1 - hud[..., 3:]) + hud[..., :3] * hud[..., 3:]


def _lay(frame: Floats, tile: Bytes, horizon: float, sideways: float, forward: float) -> None:
    """Cover a frame below a horizon with a plane of tiles, seen in perspective."""
    top = max(0, int(horizon) + 2)
    if top >= HEIGHT:
        return
    y = np.arange(top, HEIGHT, dtype=np.float32)[:, None]
    depth = 60.0 / (y - np.float32(horizon))
    x = np.arange(WIDTH, dtype=np.float32)[None, :] - WIDTH / 2
    across = (x * depth * 1.2 + np.float32(sideways) * np.maximum(depth, 1) + _TILE / 2).astype(np.float32)
    along = np.broadcast_to(depth * 40 + np.float32(forward % _TILE), across.shape).astype(np.float32)
    seen = cv2.remap(tile, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    haze = np.clip((y - horizon) / 12, 0, 1)[..., None]
    frame[top:] = frame[top:] * (1 - haze) + seen * haze


def _road(rng: Rng, look: Look) -> Bytes:
    """A tile of road with its verges, uint8 [256, 256, 3]; it runs down the middle."""
    tile = coloured(random_noise(rng, _TILE, _TILE), look.ramps[1])
    half = int(rng.uniform(20, 70))
    asphalt = coloured(random_noise(rng, _TILE, _TILE) * 0.25 + rng.uniform(0.1, 0.4), look.ramps[2])
    middle = _TILE // 2
    tile[:, middle - half : middle + half] = asphalt[:, middle - half : middle + half]
    paint = hsv(0.13, rng.uniform(0, 0.7), 0.9) * look.ramps[0][255].max() / 255
    for x in (middle - half + 3, middle + half - 5):
        tile[:, x : x + 3] = paint
    dash = int(rng.choice((32, 64)))
    for y in range(0, _TILE, dash):
        tile[y : y + dash // 2, middle - 1 : middle + 2] = paint
    return to_bytes(tile)


def _pitch(rng: Rng, look: Look) -> Bytes:
    """A tile of grass, sand, wood or ice with lines, uint8 [256, 256, 3]."""
    hue = float(rng.choice((0.3, 0.28, 0.08, 0.55, 0.02)))
    light = rng.uniform(0.35, 0.8) * look.ramps[0][255].max() / 255
    base = hsv(hue, rng.uniform(0.2, 0.7), light)
    tile = base * (0.85 + 0.3 * random_noise(rng, _TILE, _TILE))[..., None]
    stripe = int(rng.choice((16, 32, 64)))
    bands = (np.arange(_TILE) // stripe % 2)[:, None, None]
    tile = tile * (1 - 0.15 * bands * (rng.uniform() < 0.6))
    if rng.uniform() < 0.9:
        for at in (40, 128, 220):
            tile[:, at : at + 3] = 230
            tile[at : at + 3] = 230
        cv2.circle(tile, (128, 128), 40, (230.0, 230.0, 230.0), 3)
    return to_bytes(tile)


def _passer(rng: Rng, look: Look, num: int, fps: float, horizon: float) -> Actor:
    """Something that grows out of the horizon and leaves past the camera."""
    side = rng.choice((-1, 1)) * rng.uniform(0.3, 2.0)
    seconds = np.arange(num) / fps
    remaining = np.mod(rng.uniform(0, 6) - seconds * rng.uniform(0.3, 2), 6) + 0.15
    near = 0.4 / remaining
    sort = str(rng.choice(("car", "car", "box", "person", "blob")))
    return Actor(
        draw_sprite(rng, look, sort),
        WIDTH / 2 + side * near * WIDTH * 0.5,
        horizon + near * HEIGHT * 0.35,
        np.clip(near * rng.uniform(0.5, 1.2), 0.01, 3.5),
        np.zeros(num),
        np.clip(6.1 - remaining, 0, 1),
    )


def _display(rng: Rng, look: Look) -> Floats:
    """Bars, numbers and a small map over the picture; float32 [108, 192, 4], colours and alpha 0..1."""
    design = np.random.default_rng(look.seed)
    hud = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    for _ in range(int(design.integers(0, 5))):
        width, height = int(design.uniform(10, 50)), int(design.uniform(3, 14))
        left = int(design.choice((4, WIDTH - width - 4, (WIDTH - width) // 2)))
        top = int(design.choice((4, HEIGHT - height - 4)))
        hud[top : top + height, left : left + width, :3] = look.accents[int(design.integers(8))]
        hud[top : top + height, left : left + width, 3] = design.uniform(0.4, 1)
    if design.uniform() < 0.5:
        text = np.zeros((HEIGHT, WIDTH, 3), np.float32)
        write_line(design, text, 6, 18, 60, 6, np.ones(3, np.float32))
        hud[..., 3] = np.maximum(hud[..., 3], text[..., 0])
        hud[..., :3] += text * 240 * (hud[..., :3] == 0)
    if design.uniform() < 0.4:
        cv2.circle(hud, (WIDTH - 24, 24), 16, (*colour(look.ramps[2][150]), 0.8), -1)
    return hud


def _tiles(rng: Rng, look: Look) -> Floats:
    """Ground, gaps and platforms, twice the frame wide and the same at both ends; float32 [108, 384, 4]."""
    tiles = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    size = 12
    for column in range(WIDTH // size):
        left = column * size
        if rng.uniform() < 0.88:
            top = HEIGHT - size * int(rng.integers(1, 4))
            tiles[top:, left : left + size, :3] = look.accents[0] * (0.8 + 0.2 * (column % 2))
            tiles[top : top + 3, left : left + size, :3] = look.accents[1]
            tiles[top:, left : left + size, 3] = 1
        if rng.uniform() < 0.25:
            top = int(rng.uniform(0.2, 0.6) * HEIGHT)
            tiles[top : top + size, left : left + size, :3] = look.accents[2]
            tiles[top : top + size, left : left + size, 3] = 1
    return np.concatenate([tiles, tiles], axis=1)

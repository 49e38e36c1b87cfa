"""Drawn films: flat colours, hard edges, outlines, limited animation."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from curation.detect.learning.scenes.actors import Sprite, draw_actor
from curation.detect.learning.scenes.camera import GENTLE, LIVELY, camera_path
from curation.detect.learning.scenes.canvas import Bytes, Floats, Rng, filled, grid, to_bytes
from curation.detect.learning.scenes.filmed import Setting, play
from curation.detect.learning.scenes.look import Look
from curation.detect.learning.scenes.places import PLACE_HEIGHT, PLACE_WIDTH, Layer
from curation.detect.learning.scenes.textures import regions, skyline

_SIZE = (PLACE_HEIGHT, PLACE_WIDTH)


def cartoon_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Flat figures before flat hills, houses or patches."""
    layers = _hills(rng, look) if rng.uniform() < 0.6 else [_flat_patches(rng, look)]
    outlined = rng.uniform() < 0.6
    actors = []
    for _ in range(int(rng.integers(1, 6))):
        actor = draw_actor(rng, look, num, fps)
        sprite = _flattened(actor.sprite, outlined)
        actors.append(type(actor)(sprite, actor.x, actor.y, actor.size, actor.angle_deg, actor.opacity))
    path = camera_path(rng, num, fps, GENTLE if rng.uniform() < 0.7 else LIVELY)
    return play(Setting(layers, path, actors, 0.01), fps)


def _hills(rng: Rng, look: Look) -> list[Layer]:
    y, _ = grid(*_SIZE)
    sky = filled(_SIZE, look.ramps[0][int(rng.integers(150, 256))])
    if rng.uniform() < 0.5:
        middle = (int(rng.uniform(0.2, 0.8) * PLACE_WIDTH), int(rng.uniform(0.15, 0.4) * PLACE_HEIGHT))
        cv2.circle(sky, middle, int(rng.uniform(10, 40)), look.accents[0].tolist(), -1)
    layers = [Layer(to_bytes(sky), 0.4)]
    for k in range(int(rng.integers(1, 5))):
        base = 0.4 + 0.15 * k
        ridge = base - rng.uniform(0.03, 0.2) * skyline(rng, PLACE_WIDTH, 2.0)
        alpha = 255.0 * (y > ridge[None, :])
        ground = filled(_SIZE, look.accents[int(rng.integers(8))])
        for _ in range(int(rng.integers(0, 8))):
            _house(rng, look, ground, alpha, base)
        layers.append(Layer(to_bytes(np.dstack([ground, alpha])), 0.6 + 0.2 * k))
    return layers


def _house(rng: Rng, look: Look, ground: Floats, alpha: Floats, base: float) -> None:
    left, width = int(rng.uniform(0, PLACE_WIDTH)), int(rng.uniform(10, 50))
    bottom = int((base + rng.uniform(0, 0.15)) * PLACE_HEIGHT)
    top = bottom - int(rng.uniform(10, 60))
    shade = look.accents[int(rng.integers(8))].tolist()
    for picture, paint in ((ground, shade), (alpha, 255.0)):
        if rng.uniform() < 0.5 or picture is alpha:
            cv2.rectangle(picture, (left, top), (left + width, bottom), paint, -1)
    peak = np.array(
        [[left - 4, top], [left + width // 2, top - width // 2], [left + width + 4, top]], np.int32
    )
    cv2.fillPoly(ground, [peak], look.accents[int(rng.integers(8))].tolist())
    cv2.fillPoly(alpha, [peak], 255.0)


def _flat_patches(rng: Rng, look: Look) -> Layer:
    labels = regions(rng, *_SIZE, int(rng.integers(2, 6)))
    picture = look.accents[labels % 8]
    edges = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    if rng.uniform() < 0.5:
        picture = np.where(edges[..., None], np.float32(20), picture)
    return Layer(to_bytes(picture))


def _flattened(sprite: Sprite, outlined: bool) -> Sprite:
    """A sprite in few colours, with a dark line around it."""
    pictures = sprite.pictures.copy()
    pictures[..., :3] = np.rint(pictures[..., :3] / 64) * 64
    if outlined:
        for picture in pictures:
            body: Bytes = (picture[..., 3] > 128).astype(np.uint8)
            line = cv2.dilate(body, np.ones((5, 5), np.uint8)) > body
            picture[line] = (15, 15, 15, 255)
    return Sprite(pictures, sprite.cycle_s)

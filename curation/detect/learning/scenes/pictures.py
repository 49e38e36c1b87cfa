"""Photographs as scenes: a camera moves over a picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from curation.detect.learning.scenes.camera import LIVELY, WILD, camera_path
from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Bytes, Rng, reduced, to_bytes
from curation.detect.learning.scenes.filmed import Setting, play
from curation.detect.learning.scenes.finish import finished
from curation.detect.learning.scenes.places import Layer
from curation.detect.learning.scenes.textures import fractal_noise

MAX_FILE_BYTES = 64 << 20
_MAX_PIXELS = 64_000_000
_MAX_SIDE_PX = 960
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


class BadPicture(ValueError):
    """A picture that cannot be used; the message says why and what to do."""


def read_picture(path: Path) -> Bytes:
    """A photograph, uint8 [H, W, 3] (RGB), scaled to cover twice the frame, upright.

    Raises:
        BadPicture: it is no JPEG or PNG, is too large, or cannot be decoded.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BadPicture(f"is larger than {MAX_FILE_BYTES >> 20} MiB; scale it down or leave it out")
    data = path.read_bytes()
    if not data.startswith((_JPEG, _PNG)):
        raise BadPicture("is neither JPEG nor PNG, whatever its name says; convert it or leave it out")
    if data.startswith(_PNG):
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        if width * height > _MAX_PIXELS:
            raise BadPicture(f"has {width} x {height} pixels; scale it down or leave it out")
    picture = _decoded(data, cv2.IMREAD_REDUCED_COLOR_8)
    if picture is None or min(picture.shape[:2]) < 2 * HEIGHT:
        picture = _decoded(data, cv2.IMREAD_COLOR)
    if picture is None:
        raise BadPicture("cannot be decoded; save it again or leave it out")
    if min(picture.shape[:2]) < 16:
        raise BadPicture(f"has {picture.shape[1]} x {picture.shape[0]} pixels, too few; leave it out")
    return _covering(picture)


def picture_scene(picture: Bytes, rng: Rng, num_frames: int, fps: float, *, look_seed: int) -> Bytes:
    """A shot of a photograph, uint8 [n, 27, 48, 3]: pans, zooms, shake, or two crops at two depths."""
    layers = [Layer(_turned(picture, rng))]
    if rng.uniform() < 0.3:
        layers.append(_near_crop(layers[0].picture, rng))
    path = camera_path(rng, num_frames, fps, LIVELY if rng.uniform() < 0.85 else WILD)
    height, width = picture.shape[:2]
    path[:, 0] += rng.uniform(-0.4, 0.4) * max(0.0, width / WIDTH - 1)
    path[:, 1] += rng.uniform(-0.4, 0.4) * max(0.0, height / WIDTH - HEIGHT / WIDTH)
    path[:, 2] += rng.uniform(-0.6, 0.3)
    setting = Setting(layers, path, [], float(rng.uniform(0.1, 0.9)))
    stack = np.stack([reduced(frame) for frame in play(setting, fps)])
    return finished(stack, np.random.default_rng(look_seed), rng, fps)


def _decoded(data: bytes, flags: int) -> Bytes | None:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    return None if picture is None else np.ascontiguousarray(picture[:, :, ::-1])


def _covering(picture: Bytes) -> Bytes:
    height, width = picture.shape[:2]
    scale = max(2 * HEIGHT / height, 2 * WIDTH / width)
    shape = (
        min(_MAX_SIDE_PX, max(2 * WIDTH, round(width * scale))),
        min(_MAX_SIDE_PX, max(2 * HEIGHT, round(height * scale))),
    )
    crop = picture[: round(shape[1] / scale) or 1, : round(shape[0] / scale) or 1]
    return np.asarray(cv2.resize(crop, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))


def _turned(picture: Bytes, rng: Rng) -> Bytes:
    return np.ascontiguousarray(picture[:, ::-1]) if rng.uniform() < 0.3 else picture


def _near_crop(picture: Bytes, rng: Rng) -> Layer:
    """Another part of the picture in a patch before it."""
    height, width = picture.shape[:2]
    field = fractal_noise(rng, height // 4, width // 4, exponent=2.5)
    mask = cv2.resize(np.clip((field - rng.uniform(0.55, 0.7)) * 25, 0, 1), (width, height))
    shifted = np.roll(picture, (height // 3, width // 3), axis=(0, 1))
    return Layer(np.dstack([shifted, to_bytes(mask * 255)]), float(rng.uniform(1.15, 1.8)))

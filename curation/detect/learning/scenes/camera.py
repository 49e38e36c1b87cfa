"""Camera moves over pictures that are larger than the frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Bytes, Rng, pick, smooth_noise

Path = npt.NDArray[np.float64]
"""[n, 4]: x and y in frame widths from the middle of the picture, log of the zoom, roll in rad."""

GENTLE = {
    "static": 2.0,
    "tremble": 1.5,
    "handheld": 3.0,
    "pan": 2.0,
    "tilt": 1.0,
    "zoom": 2.0,
    "drift": 2.0,
}
LIVELY = {**GENTLE, "follow": 2.0, "fly": 1.5, "bumps": 1.0, "whip": 0.7, "crash_zoom": 0.5, "roll": 0.7}
WILD = {"whip": 2.0, "crash_zoom": 1.5, "spin": 1.0, "shaken": 2.0, "follow": 1.0, "fly": 1.0, "jolt": 1.0}
_MAX_BLUR_STEPS = 6


def camera_path(rng: Rng, num: int, fps: float, weights: dict[str, float]) -> Path:
    """A move of a style drawn by weight; its speed is by the second, so it does not depend on the rate."""
    style = pick(rng, weights)
    path = np.zeros((num, 4))
    path[:, 0] = rng.uniform(-0.25, 0.25)
    path[:, 1] = rng.uniform(-0.1, 0.1)
    path[:, 2] = rng.uniform(-0.1, 0.35)
    if rng.uniform() < 0.15:
        path[:, 3] = rng.normal(0, 0.06)
    seconds = np.arange(num) / fps
    _MOVES[style](rng, path, seconds, fps)
    if style not in ("static", "tremble") and rng.uniform() < 0.4:
        _tremble(rng, path, seconds, fps)
    return path


def still_path(num: int) -> Path:
    """No move at all."""
    return np.zeros((num, 4))


def view(picture: Bytes, pose: npt.NDArray[np.float64], *, depth: float = 1.0) -> Bytes:
    """The frame, uint8 [108, 192, C], that a camera sees of a picture; what is nearer than 1 moves more."""
    matrix = _matrix(picture, pose, depth)
    seen = cv2.warpAffine(
        picture,
        matrix,
        (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(seen, np.uint8)


def blurred_view(
    picture: Bytes,
    pose: npt.NDArray[np.float64],
    before: npt.NDArray[np.float64],
    *,
    shutter: float,
    depth: float = 1.0,
) -> Bytes:
    """As `view`, with the blur of a shutter that is open for a share of the time since the pose before."""
    turn = abs(pose[3] - before[3]) * WIDTH / 2 + abs(pose[2] - before[2]) * WIDTH / 2
    travel = np.hypot(pose[0] - before[0], pose[1] - before[1]) * WIDTH * depth
    steps = int(min(_MAX_BLUR_STEPS, 1 + (travel + turn) * shutter / 5))
    if steps == 1:
        return view(picture, pose, depth=depth)
    total = np.zeros((HEIGHT, WIDTH, *picture.shape[2:]), np.uint16)
    for step in range(steps):
        share = shutter * step / steps
        total += view(picture, pose * (1 - share) + before * share, depth=depth)
    return (total // steps).astype(np.uint8)


def _matrix(picture: Bytes, pose: npt.NDArray[np.float64], depth: float) -> npt.NDArray[np.float64]:
    """Maps pixels of the frame to pixels of the picture."""
    height, width = picture.shape[:2]
    scale = np.exp(-pose[2] * depth)
    cos, sin = scale * np.cos(pose[3]), scale * np.sin(pose[3])
    middle_x, middle_y = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    x = (width - 1) / 2 + pose[0] * depth * WIDTH - cos * middle_x + sin * middle_y
    y = (height - 1) / 2 + pose[1] * depth * WIDTH - sin * middle_x - cos * middle_y
    return np.array([[cos, -sin, x], [sin, cos, y]])


def _eased(rng: Rng, seconds: Path, duration_s: float) -> Path:
    """0 to 1 within some seconds, from a drawn start, with a drawn smoothness."""
    start = rng.uniform(-0.3, 0.6) * max(seconds[-1], 0.1)
    part = np.clip((seconds - start) / duration_s, 0, 1)
    eased = part * part * (3 - 2 * part)
    return np.asarray(eased if rng.uniform() < 0.6 else part)


def _static(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    del rng, path, seconds, fps


def _tremble(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    for axis, size in enumerate((0.004, 0.004, 0.002, 0.002)):
        path[:, axis] += rng.uniform(0, size) * smooth_noise(rng, len(path), fps * rng.uniform(0.05, 0.3))


def _handheld(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    strength = rng.uniform(0.2, 1.0)
    for axis, size in enumerate((0.06, 0.05, 0.04, 0.03)):
        path[:, axis] += strength * size * smooth_noise(rng, len(path), fps * rng.uniform(0.5, 1.5))
    _tremble(rng, path, seconds, fps)


def _pan(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    speed = rng.uniform(0.03, 0.6) * rng.choice((-1, 1))
    if rng.uniform() < 0.5:
        path[:, 0] += speed * (seconds - seconds[-1] / 2)
    else:
        path[:, 0] += speed * 2 * (_eased(rng, seconds, rng.uniform(1, 4)) - 0.5)


def _tilt(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    distance = rng.uniform(0.1, 0.5) * rng.choice((-1, 1))
    path[:, 1] += distance * (_eased(rng, seconds, rng.uniform(1, 4)) - 0.5)


def _zoom(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 2] += rng.uniform(0.02, 0.3) * rng.choice((-1, 1)) * (seconds - seconds[-1] / 2)


def _drift(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    for axis, size in enumerate((0.12, 0.06, 0.08, 0.02)):
        path[:, axis] += rng.normal(0, size) * (seconds - seconds[-1] / 2)


def _follow(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 0] += rng.uniform(0.3, 1.2) * smooth_noise(rng, len(path), fps * rng.uniform(0.6, 2.0))
    path[:, 1] += rng.uniform(0.0, 0.3) * smooth_noise(rng, len(path), fps * rng.uniform(0.6, 2.0))
    path[:, 2] += rng.uniform(0.0, 0.2) * smooth_noise(rng, len(path), fps * 2.0)


def _fly(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 0] += rng.uniform(0.1, 0.8) * (seconds - seconds[-1] / 2) * rng.choice((-1, 1))
    path[:, 1] += 0.2 * smooth_noise(rng, len(path), fps * 2.0)
    path[:, 2] += 0.25 * smooth_noise(rng, len(path), fps * 2.0)
    path[:, 3] += rng.uniform(0.05, 0.3) * smooth_noise(rng, len(path), fps * 1.5)


def _bumps(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 0] += rng.uniform(0.2, 1.5) * (seconds - seconds[-1] / 2)
    path[:, 1] += rng.uniform(0.01, 0.05) * smooth_noise(rng, len(path), fps * 0.1)
    path[:, 3] += 0.02 * smooth_noise(rng, len(path), fps * 0.15)


def _whip(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    axis = 0 if rng.uniform() < 0.8 else 1
    for _ in range(int(rng.integers(1, 4))):
        distance = rng.uniform(0.6, 2.5) * rng.choice((-1, 1)) * (1.0 if axis == 0 else 0.4)
        path[:, axis] += distance * _eased(rng, seconds, rng.uniform(0.1, 0.5))
    _handheld(rng, path, seconds, fps)


def _crash_zoom(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 2] += rng.uniform(0.4, 1.1) * rng.choice((-0.6, 1)) * _eased(rng, seconds, rng.uniform(0.15, 0.6))


def _roll(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 3] += rng.uniform(0.1, 0.8) * rng.choice((-1, 1)) * (seconds - seconds[-1] / 2)


def _spin(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    path[:, 3] += rng.uniform(1.0, 8.0) * rng.choice((-1, 1)) * seconds
    path[:, 2] += 0.3 + 0.2 * smooth_noise(rng, len(path), fps)


def _shaken(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    strength = rng.uniform(0.4, 1.5) * (0.3 + 0.7 * np.abs(smooth_noise(rng, len(path), fps * 0.7)))
    for axis, size in enumerate((0.08, 0.08, 0.03, 0.05)):
        path[:, axis] += strength * size * smooth_noise(rng, len(path), fps * rng.uniform(0.04, 0.12))
    _handheld(rng, path, seconds, fps)


def _jolt(rng: Rng, path: Path, seconds: Path, fps: float) -> None:
    """The camera is knocked: the view jumps by a part of the frame and swings back, or stays."""
    for _ in range(int(rng.integers(1, 5))):
        since = seconds - rng.uniform(0, max(seconds[-1], 0.1))
        swing = np.exp(-np.clip(since, 0, None) * rng.uniform(3, 10)) * np.cos(since * rng.uniform(10, 40))
        size = rng.uniform(0.03, 0.15, 2) * rng.choice((-1, 1), 2)
        path[:, :2] += np.where(since >= 0, swing, 0)[:, None] * size
    _handheld(rng, path, seconds, fps)


_MOVES = {
    "static": _static,
    "tremble": _tremble,
    "handheld": _handheld,
    "pan": _pan,
    "tilt": _tilt,
    "zoom": _zoom,
    "drift": _drift,
    "follow": _follow,
    "fly": _fly,
    "bumps": _bumps,
    "whip": _whip,
    "crash_zoom": _crash_zoom,
    "roll": _roll,
    "spin": _spin,
    "shaken": _shaken,
    "jolt": _jolt,
}

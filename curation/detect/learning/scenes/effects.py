"""Things without edges: fire, explosions, water, rain, confetti, stage lights, moving patterns."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from curation.detect.learning.scenes.camera import GENTLE, LIVELY, camera_path
from curation.detect.learning.scenes.canvas import HEIGHT, WIDTH, Bytes, Floats, Rng, grid, pick, smooth_noise
from curation.detect.learning.scenes.filmed import Setting, play, staged
from curation.detect.learning.scenes.lettering import colour
from curation.detect.learning.scenes.look import Look, hsv
from curation.detect.learning.scenes.places import draw_place
from curation.detect.learning.scenes.textures import coloured, fractal_noise, random_noise

_FIRE = np.array(
    [
        np.interp(np.arange(256), at, values)
        for at, values in (
            ((0, 70, 140, 255), (0, 120, 255, 255)),
            ((0, 90, 170, 255), (0, 20, 150, 250)),
            ((0, 170, 255), (0, 10, 190)),
        )
    ],
    np.float32,
).T


def particle_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Rain, snow, confetti, sparks or dust over a place, falling, blown or bursting."""
    sort = pick(rng, {"rain": 2, "snow": 2, "confetti": 2, "sparks": 2, "dust": 1, "swarm": 1.5})
    count = int(rng.uniform(20, 250))
    velocity = {
        "rain": (rng.normal(0, 30), rng.uniform(150, 400)),
        "snow": (rng.normal(0, 15), rng.uniform(15, 60)),
        "confetti": (rng.normal(0, 20), rng.uniform(30, 90)),
        "sparks": (rng.normal(0, 20), rng.uniform(-120, -40)),
        "dust": (rng.normal(0, 8), rng.normal(0, 5)),
        "swarm": (rng.normal(0, 40), rng.normal(0, 20)),
    }[sort]
    spread = {"rain": 5, "snow": 10, "confetti": 25, "sparks": 50, "dust": 8, "swarm": 40}[sort]
    place = rng.uniform(0, 1, (count, 2)) * (WIDTH, HEIGHT)
    speeds = np.array(velocity) + rng.normal(0, spread, (count, 2))
    bright = np.full(3, 235, np.float32) if sort in ("rain", "snow", "dust") else None
    sizes = rng.uniform(0.5, 4.0 if sort in ("confetti", "swarm", "snow") else 1.6, count)
    streak = {"rain": 0.04, "sparks": 0.03}.get(sort, 0.004)
    shades = [colour(bright if bright is not None else look.accents[k % 8] * 1.3) for k in range(count)]
    opacity = np.float32(rng.uniform(0.4, 1.0))
    start = rng.uniform(-0.3, 0.5) * num if rng.uniform() < 0.3 else -1
    behind = staged(rng, look, camera_path(rng, num, fps, GENTLE))
    for at, frame in enumerate(play(behind, fps)):
        if at < start:
            yield frame
            continue
        now = (place + speeds * (at / fps)) % (WIDTH, HEIGHT)
        over = frame.copy()
        for (x, y), (u, v), size, shade in zip(now, speeds * streak, sizes, shades, strict=True):
            cv2.line(over, (int(x), int(y)), (int(x - u), int(y - v)), shade, max(1, int(size)))
        yield frame + (over - frame) * opacity


def fire_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Flames or smoke that rise before a place."""
    y, x = grid(HEIGHT, WIDTH)
    noise = fractal_noise(rng, 2 * HEIGHT, 2 * WIDTH, exponent=1.4, stretch=1.5, angle_rad=1.57)
    fine = fractal_noise(rng, 2 * HEIGHT, 2 * WIDTH, exponent=1.1)
    middle, width = rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.6)
    mound = np.exp(-(((x - middle) / width) ** 2))
    height = rng.uniform(0.5, 1.3)
    ramp = _FIRE if rng.uniform() < 0.75 else look.ramps[1]
    speed, flicker = rng.uniform(30, 140), smooth_noise(rng, num, fps * 0.1)
    behind = staged(rng, look, camera_path(rng, num, fps, GENTLE))
    for at, frame in enumerate(play(behind, fps)):
        rise = speed * at / fps
        slow = _rolled(noise, rise, 0.2 * rise)
        fast = _rolled(fine, 1.7 * rise, -0.1 * rise)
        heat = np.clip(
            mound * (y * 1.5 - 0.5 + height / 2) * (0.35 + slow + fast) * (1 + 0.15 * flicker[at]), 0, 1
        )
        alpha = np.clip((heat - 0.3) * 4, 0, 1)[..., None]
        glow = np.float32(0.6 + 0.15 * flicker[at])
        yield frame * glow * (1 - alpha) + coloured(heat, ramp) * alpha


def explosion_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A ball of fire grows within a fraction of a second, then there is smoke; the camera shakes."""
    path = camera_path(rng, num, fps, LIVELY)
    starts = np.sort(rng.uniform(0.05, 0.85, int(rng.integers(1, 4)))) * num
    shake = np.zeros(num)
    for start in starts:
        since = (np.arange(num) - start) / fps
        shake += np.where(since > 0, np.exp(-3 * np.clip(since, 0, None)), 0)
    path[:, :2] += 0.05 * shake[:, None] * np.stack([smooth_noise(rng, num, 2), smooth_noise(rng, num, 2)], 1)
    fields = [fractal_noise(rng, HEIGHT, WIDTH, exponent=1.5) for _ in starts]
    centres = rng.uniform(0.25, 0.75, (len(starts), 2))
    spread = rng.uniform(0.3, 1.6, len(starts))
    y, x = grid(HEIGHT, WIDTH)
    for at, frame in enumerate(play(staged(rng, look, path), fps)):
        for start, field, centre, reach in zip(starts, fields, centres, spread, strict=True):
            since = (at - start) / fps
            if since < 0:
                continue
            radius = reach * (1 - np.exp(-6 * since)) + 0.02
            distance = np.hypot((x - centre[0]) * 1.78, y - centre[1] + 0.1 * since)
            ball = np.clip((radius - distance) / (0.3 * radius) + 2 * (field - 0.5), 0, 1)
            ball *= np.float32(np.exp(-0.6 * since))
            heat = np.clip(field * 0.4 + np.exp(-1.6 * since), 0, 1)
            fire = coloured(heat, _FIRE) + np.float32(60 * (1 - np.exp(-since)))
            flash = np.float32(max(0.0, 1 - since * 8) * min(reach, 0.9))
            frame = frame * (1 - ball[..., None]) + fire * ball[..., None]
            frame = frame + (255 - frame) * flash
        yield frame


def water_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A picture through moving water or hot air; or waves towards the camera."""
    y, x = grid(HEIGHT, WIDTH)
    waves = [
        (rng.normal(0, 12, 2), rng.uniform(1, 8), rng.uniform(0, 6.3), rng.uniform(0.5, 4)) for _ in range(4)
    ]
    whole = rng.uniform() < 0.6
    strength = (1.0 if whole else np.clip((y - rng.uniform(0.3, 0.7)) * 5, 0, 1)) * np.ones_like(y)
    glints = look.ramps[0][255]
    shine = rng.uniform(0, 0.5)
    base_x, base_y = x * (WIDTH - 1), y * (HEIGHT - 1)
    for at, frame in enumerate(play(staged(rng, look, camera_path(rng, num, fps, GENTLE)), fps)):
        shift = np.zeros((HEIGHT, WIDTH), np.float32)
        for direction, speed, phase, size in waves:
            shift = shift + np.float32(size) * np.sin(
                direction[0] * x + direction[1] * y * 2 + np.float32(phase + speed * at / fps)
            )
        moved = cv2.remap(
            frame,
            (base_x + shift * strength).astype(np.float32),
            (base_y + 0.6 * shift * strength).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        light = np.clip(shift / 6, 0, 1) ** 2 * strength * np.float32(shine)
        yield moved + (glints - moved) * light[..., None]


def stage_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """A concert or a club: beams sweep, the light changes colour or strobes, the crowd stands before it."""
    path = camera_path(rng, num, fps, LIVELY)
    lamps = np.clip(hsv(rng.uniform(0, 1, 6), rng.uniform(0, 1, 6), 1.0), 0, 255) / 255
    rate = rng.uniform(1.5, 14)
    sort = pick(rng, {"strobe": 2, "colours": 3, "both": 1, "steady": 1.5})
    beams = [
        (rng.uniform(0, WIDTH), rng.uniform(0, 6.3), rng.uniform(0.3, 2.5))
        for _ in range(int(rng.integers(0, 6)))
    ]
    crowd = _heads(rng) if rng.uniform() < 0.6 else None
    for at, frame in enumerate(play(staged(rng, look, path), fps)):
        beat = int(at / fps * rate)
        lamp = lamps[beat % 6] if sort in ("colours", "both") else np.ones(3, np.float32)
        on = 1.0 if sort in ("colours", "steady") or beat % 2 else 0.25
        shown = frame * (0.35 + 0.9 * lamp * np.float32(on))
        light = np.zeros((HEIGHT // 2, WIDTH // 2, 3), np.float32)
        for k, (x, phase, speed) in enumerate(beams):
            end = x + 120 * np.sin(phase + speed * at / fps)
            cv2.line(
                light, (int(x / 2), -3), (int(end / 2), HEIGHT // 2), colour(lamps[(beat + k) % 6] * 140), 5
            )
        if beams:
            shown = shown + cv2.resize(cv2.GaussianBlur(light, (0, 0), 2), (WIDTH, HEIGHT)) * np.float32(on)
        if crowd is not None:
            bounce = int(3 * abs(np.sin(at / fps * rate)))
            shown = shown * np.roll(crowd, bounce, axis=0)[..., None]
        yield shown


def pattern_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Patterns that move: plasma, tunnels, folded noise, television static."""
    y, x = grid(HEIGHT, WIDTH)
    sort = pick(rng, {"plasma": 3, "tunnel": 1.5, "drift": 3, "static": 0.6})
    ramp = look.ramps[0] if rng.uniform() < 0.6 else np.concatenate([look.ramps[0][::2], look.ramps[1][::-2]])
    near = random_noise(rng, 2 * HEIGHT, 2 * WIDTH)
    far = random_noise(rng, 2 * HEIGHT, 2 * WIDTH)
    waves = rng.normal(0, 9, (4, 2))
    speeds = rng.normal(0, 2.5, 4)
    drift = rng.normal(0, 25, 4)
    for at in range(num):
        t = at / fps
        if sort == "plasma":
            field = (
                sum(np.sin(waves[k, 0] * x + waves[k, 1] * y + np.float32(speeds[k] * t)) for k in range(4))
                / 8
                + 0.5
            )
        elif sort == "tunnel":
            radius, angle = np.hypot((x - 0.5) * 1.78, y - 0.5) + 0.03, np.arctan2(y - 0.5, x - 0.5)
            field = 0.5 + 0.5 * np.sin(3 / radius + np.float32(speeds[0] * 3 * t) + 3 * angle)
            field = field * np.clip(radius * 2.5, 0, 1)
        elif sort == "drift":
            field = (_rolled(near, drift[0] * t, drift[1] * t) + _rolled(far, drift[2] * t, drift[3] * t)) / 2
            field = np.clip(0.5 + (field - 0.5) * 1.6, 0, 1)
        else:
            field = cv2.resize(rng.random((HEIGHT // 2, WIDTH // 2), np.float32), (WIDTH, HEIGHT))
        yield coloured(field, ramp)


def timelapse_scene(rng: Rng, look: Look, num: int, fps: float) -> Iterator[Floats]:
    """Clouds race over a landscape while the light comes and goes."""
    layers = draw_place(rng, look, "landscape")
    clouds = fractal_noise(rng, 2 * HEIGHT, 2 * WIDTH, exponent=1.6, stretch=1.6)
    speed, day = rng.uniform(20, 150), 0.4 * smooth_noise(rng, num, fps * rng.uniform(0.8, 3))
    y, _ = grid(HEIGHT, WIDTH)
    fade = np.clip(1 - y * 1.8, 0, 1)
    path = camera_path(rng, num, fps, {"static": 3, "pan": 1, "zoom": 1})
    for at, frame in enumerate(play(Setting(layers, path, []), fps)):
        cover = np.clip((_rolled(clouds, 3.0, speed * at / fps) - 0.45) * 4, 0, 1) * fade
        yield (frame + (look.ramps[0][250] - frame) * cover[..., None]) * np.float32(np.exp(day[at]))


def _rolled(field: Floats, up: float, left: float) -> Floats:
    """The part of a tiling field [216, 384] seen from a moving window, float32 [108, 192]."""
    matrix = np.array([[1, 0, left % field.shape[1]], [0, 1, up % field.shape[0]]])
    return np.asarray(
        cv2.warpAffine(
            field,
            matrix,
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_WRAP,
        ),
        np.float32,
    )


def _heads(rng: Rng) -> Floats:
    """1 where the stage is seen over the heads of a crowd, float32 [108, 192]."""
    mask: Bytes = np.full((HEIGHT, WIDTH), 255, np.uint8)
    top = rng.uniform(0.6, 0.95) * HEIGHT
    for _ in range(int(rng.integers(6, 25))):
        x, y, size = rng.uniform(0, WIDTH), top + rng.uniform(-6, 10), rng.uniform(5, 13)
        cv2.circle(mask, (int(x), int(y)), int(size), 15, -1)
        cv2.ellipse(mask, (int(x), int(y + 2.4 * size)), (int(1.8 * size), int(2 * size)), 0, 0, 360, 15, -1)
    return np.asarray(mask / np.float32(255), np.float32)

"""What cameras, editors, broadcasters and encoders do to footage, applied to small frames.

What belongs to a film as a whole (bars, a logo, its tint, its grain and encoder) is drawn from the look,
so that shots of one look share it; what happens once is drawn for the shot.
"""

from __future__ import annotations

import cv2
import numpy as np

from curation.detect.learning.scenes.canvas import SMALL_HEIGHT, SMALL_WIDTH, Bytes, Floats, Rng, smooth_noise

_LUMA = np.array((0.299, 0.587, 0.114), np.float32)


def finished(stack: Floats, film: Rng, shot: Rng, fps: float) -> Bytes:
    """Small frames, float32 [n, 27, 48, 3] of 0..255, as a decoder would give them out, uint8."""
    stack = _sharpened(_graded(stack, film), film)
    stack = _exposed(stack, shot, fps)
    stack = _framed(stack, film)
    stack = _overlaid(stack, film, shot, fps)
    stack = _paced(stack, film, shot)
    stack = _noisy(stack, film, shot)
    stack = _encoded(stack, film, shot, fps)
    return np.clip(np.rint(stack), 0, 255).astype(np.uint8)


def _graded(stack: Floats, film: Rng) -> Floats:
    """Contrast, tint, black and white."""
    if film.uniform() < 0.7:
        middle = float(film.uniform(0.3, 1.0)) * float(stack.mean()) + float(film.uniform(0, 25))
        stack = middle + (stack - middle) * np.float32(film.uniform(1.0, 1.9))
    draw = film.uniform()
    if draw < 0.12:
        grey = stack @ _LUMA
        tint = np.ones(3) if draw < 0.08 else np.array((1.07, 0.95, 0.78))
        stack = grey[..., None] * tint.astype(np.float32)
    elif draw < 0.3:
        stack = stack * film.uniform(0.8, 1.15, 3).astype(np.float32)
    if film.uniform() < 0.4:
        gamma = float(film.uniform(0.7, 1.5))
        stack = 255 * np.power(np.clip(stack / 255, 0, 1), gamma, dtype=np.float32)
    if film.uniform() < 0.3:
        lift, gain = film.uniform(0, 35), film.uniform(0.7, 1.1)
        stack = lift + stack * np.float32(gain * (1 - lift / 255))
    return stack.astype(np.float32)


def _sharpened(stack: Floats, film: Rng) -> Floats:
    """Edges overshoot, as cameras and scalers make them."""
    if film.uniform() < 0.4:
        return stack
    amount = np.float32(film.uniform(0.2, 1.2))
    return np.stack([frame + (frame - cv2.GaussianBlur(frame, (0, 0), 1.0)) * amount for frame in stack])


def _exposed(stack: Floats, shot: Rng, fps: float) -> Floats:
    """Light that changes: flicker, clouds, exposure jumps, lamps, flashes, a drifting white balance."""
    num = len(stack)
    gain = np.ones((num, 1, 1, 3), np.float32)
    if shot.uniform() < 0.12:
        gain *= _column(1 + shot.uniform(0.01, 0.08) * smooth_noise(shot, num, shot.uniform(1, 4)))
    if shot.uniform() < 0.12:
        gain *= _column(np.exp(shot.uniform(0.05, 0.5) * smooth_noise(shot, num, fps * shot.uniform(0.4, 3))))
    if shot.uniform() < 0.06:
        ramp = np.clip((np.arange(num) - shot.uniform(0.1, 0.9) * num) / shot.uniform(1, fps), 0, 1)
        gain *= _column(np.exp(shot.uniform(-0.9, 0.7) * ramp))
    if shot.uniform() < 0.06:
        drift = np.outer(smooth_noise(shot, num, fps * 2), shot.normal(0, 0.08, 3))
        gain *= np.exp(drift).astype(np.float32)[:, None, None, :]
    stack = stack * gain
    if shot.uniform() < 0.06:
        for _ in range(int(shot.integers(1, 5))):
            start, length = int(shot.uniform(0, num)), int(shot.integers(1, 5))
            strength = shot.uniform(0.3, 1.0) * np.linspace(1, 0.4, length)[: num - start]
            part = stack[start : start + length]
            part += (255 - part) * strength.astype(np.float32)[:, None, None, None]
    return stack


def _framed(stack: Floats, film: Rng) -> Floats:
    """Black (or blurred, or coloured) bars where the shape of the film is not that of the frame."""
    draw = film.uniform()
    if draw < 0.78:
        return stack
    share = float(film.uniform(0.06, 0.16) if draw < 0.9 else film.uniform(0.1, 0.34))
    mask = np.ones((SMALL_HEIGHT, SMALL_WIDTH), np.float32)
    size = (SMALL_HEIGHT if draw < 0.9 else SMALL_WIDTH) * share
    whole = int(size)
    mask[:whole], mask[-whole:] = 0, 0
    if draw >= 0.9:
        mask = np.ones_like(mask)
        mask[:, :whole], mask[:, -whole:] = 0, 0
    edge = (1 - mask) * cv2.dilate(mask, np.ones((3, 3)))
    mask = mask + edge * (1 - (size - whole))
    shown = stack * mask[..., None]
    if draw >= 0.97:
        soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 4) for frame in stack])
        shown += np.float32(0.6) * soft * (1 - mask[..., None])
    return np.asarray(shown, np.float32)


def _overlaid(stack: Floats, film: Rng, shot: Rng, fps: float) -> Floats:
    """A logo, a running clock, captions that come and go."""
    num = len(stack)
    if film.uniform() < 0.12:
        logo = film.uniform(0, 255, (3, 6, 3)).astype(np.float32)
        top, left = int(film.choice((1, SMALL_HEIGHT - 5))), int(film.choice((2, SMALL_WIDTH - 9)))
        opacity = np.float32(film.uniform(0.3, 1.0))
        part = stack[:, top : top + 3, left : left + 6]
        part += (logo - part) * opacity
    if film.uniform() < 0.05:
        digits = shot.uniform(60, 255, (num, 1, 8, 1)).astype(np.float32)
        digits[:, :, :6] = digits[0, :, :6]
        hold = np.arange(num) // 2 * 2
        stack[:, 1:2, 2:10] = digits[hold]
    if film.uniform() < 0.15:
        at = 0
        while at < num:
            shown, gap = int(shot.uniform(0.5, 3) * fps), int(shot.uniform(0, 1.5) * fps)
            half = int(shot.integers(4, 18))
            line = shot.uniform(90, 255, (1, 2 * half, 1)).astype(np.float32)
            rows = slice(SMALL_HEIGHT - 4, SMALL_HEIGHT - 3)
            part = stack[at : at + shown, rows, SMALL_WIDTH // 2 - half : SMALL_WIDTH // 2 + half]
            part += (line - part) * np.float32(0.75)
            at += shown + max(gap, 1)
    return stack


def _paced(stack: Floats, film: Rng, shot: Rng) -> Floats:
    """Fewer pictures than frames, pulldown, fields woven together, dropped and frozen frames."""
    num = len(stack)
    at = np.arange(num)
    draw = film.uniform()
    if draw < 0.14:
        step = int(film.integers(2, 5))
        at = at // step * step
    elif draw < 0.19:
        at = at // 5 * 4 + np.minimum(at % 5, 3)
    elif draw < 0.24:
        woven = stack.copy()
        woven[1:] = stack[1:] * 0.5 + stack[:-1] * 0.5
        return woven
    if shot.uniform() < 0.05:
        start = int(shot.uniform(0, num))
        at[start : start + int(shot.integers(2, 20))] = at[start]
    if shot.uniform() < 0.04:
        at = np.minimum(at + int(shot.integers(3, 12)) * (at > shot.uniform(0.2, 0.8) * num), num - 1)
    return stack[at]


def _noisy(stack: Floats, film: Rng, shot: Rng) -> Floats:
    """Grain and sensor noise, mostly in brightness; as much of it as is left at this size."""
    draw = film.uniform()
    if draw < 0.4:
        return stack
    strength = film.exponential(0.9) if draw < 0.93 else film.uniform(2, 6)
    noise = shot.standard_normal((*stack.shape[:3], 1), np.float32)
    if film.uniform() < 0.3:
        noise = noise * 0.7 + shot.standard_normal(stack.shape, np.float32) * 0.7
    return stack + noise * np.float32(strength)


def _encoded(stack: Floats, film: Rng, shot: Rng, fps: float) -> Floats:
    """A cheap encoder: pictures pulse at keyframes, and blocks that hardly change are not sent."""
    draw = film.uniform()
    interval = max(8, int(film.choice((0.5, 1, 2, 4)) * fps))
    offset = int(shot.integers(interval))
    strength = float(film.uniform(0.5, 3.0))
    skip_below = float(film.uniform(1, 6))
    if draw < 0.6:
        return stack
    age = (np.arange(len(stack)) + offset) % interval
    if draw < 0.8:
        soft = np.stack([cv2.GaussianBlur(frame, (0, 0), 0.8) for frame in stack])
        loss = (strength / 6 * age / interval).astype(np.float32)[:, None, None, None]
        return np.asarray(stack + (soft - stack) * loss + _pulse(shot, age) * strength, np.float32)
    sent = stack.copy()
    for at in range(1, len(stack)):
        if age[at] == 0:
            continue
        change = cv2.blur(np.abs(stack[at] - sent[at - 1]).mean(axis=2), (3, 3))
        sent[at] = np.where((change < skip_below)[..., None], sent[at - 1], stack[at])
    return sent


def _pulse(shot: Rng, age: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    """An error that stays within a group of pictures and changes at keyframes, float32 [n, 27, 48, 1]."""
    group = np.cumsum(age == 0)
    errors = shot.standard_normal((int(group[-1]) + 1, SMALL_HEIGHT, SMALL_WIDTH, 1), np.float32)
    return np.asarray(errors[group], np.float32)


def _column(factors: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Floats:
    return factors.astype(np.float32)[:, None, None, None]

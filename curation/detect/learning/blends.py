"""Transitions that mix levels: dissolves, fades, dips, flashes."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import Shares, log_uniform, progress
from curation.detect.learning.junction import Junction, halves, overlap
from curation.detect.learning.pixels import blurred, colour, grid, mixed, per_frame, rounded
from curation.detect.pictures import Floats

MAX_DISSOLVE_FRAMES = 70
"""The longest dissolves that users of TransNetV2 report at 60 frames per second."""


def cut(rng: np.random.Generator) -> Junction:
    """No mixed frame."""
    return Junction(0, 0, 0, lambda outgoing, incoming: outgoing)


def blended_cut(rng: np.random.Generator) -> Junction:
    """One frame that holds both shots, as a changed frame rate or interlacing leaves it."""
    return overlap(1, lambda outgoing, incoming: mixed(outgoing, incoming, progress(rng, 1)[0]))


def dissolve(rng: np.random.Generator) -> Junction:
    """One shot turns into the other, in display levels or in linear light; either may stand still."""
    frozen, linear_light = rng.random(2) < (0.1, 0.2)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = per_frame(progress(rng, len(outgoing)))
        if frozen:
            outgoing = outgoing[:1]
        if not linear_light:
            return mixed(outgoing, incoming, share)
        start, end = outgoing.astype(np.float32) ** 2, incoming.astype(np.float32) ** 2
        return rounded(np.sqrt(start + (end - start) * share))

    return overlap(log_uniform(rng, 2, MAX_DISSOLVE_FRAMES), render)


def cross_blur(rng: np.random.Generator) -> Junction:
    """A dissolve while the focus is lost and found again."""
    strongest = rng.uniform(2, 7)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = progress(rng, len(outgoing))
        sigmas = (strongest * (1 - np.abs(2 * share - 1))).tolist()
        return blurred(mixed(outgoing, incoming, per_frame(share)), sigmas)

    return overlap(log_uniform(rng, 6, 36), render)


def light_leak(rng: np.random.Generator) -> Junction:
    """A dissolve under a warm light that crosses the picture."""
    tint = np.array([1, rng.uniform(0.5, 1), rng.uniform(0.1, 0.9)], np.float32) * rng.uniform(150, 300)
    radius, tilt = rng.uniform(0.4, 1.2), rng.uniform(-1, 1)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = progress(rng, len(outgoing))
        x, y = grid(*outgoing.shape[1:3])
        middle = (3 * share - 1.5)[:, None, None]
        glow = np.exp(-(((x + tilt * y)[None] - middle) ** 2) / radius**2)
        glow *= np.sin(np.pi * share)[:, None, None]
        result = mixed(outgoing, incoming, per_frame(share)) + glow[..., None] * tint
        return rounded(result.astype(np.float32))

    return overlap(log_uniform(rng, 8, 40), render)


def _fade_colour(rng: np.random.Generator) -> Floats:
    """Black, with or without the headroom of studio levels; white; or another colour."""
    kind = rng.random()
    if kind < 0.65:
        return np.full(3, rng.choice((0, 0, 2, 7, 16)), np.float32)
    return np.full(3, rng.uniform(225, 255), np.float32) if kind < 0.82 else colour(rng)


def _through_colour(
    rng: np.random.Generator, ramp_out: int, hold: int, ramp_in: int, plain: Floats
) -> Junction:
    still_out, still_in = rng.random(2) < 0.12

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        height, width = (outgoing if ramp_out else incoming).shape[1:3]
        result = np.empty((ramp_out + hold + ramp_in, height, width, 3), np.uint8)
        result[:] = rounded(plain.copy())
        if ramp_out:
            moving = outgoing[:1] if still_out else outgoing
            result[:ramp_out] = mixed(moving, plain, per_frame(progress(rng, ramp_out)))
        if ramp_in:
            moving = incoming[-1:] if still_in else incoming
            result[ramp_out + hold :] = mixed(plain, moving, per_frame(progress(rng, ramp_in)))
        return result

    return Junction(ramp_out + hold + ramp_in, ramp_out, ramp_in, render)


def fade_through(rng: np.random.Generator) -> Junction:
    """Out to a plain colour, held or not, and in again."""
    ramp_out = log_uniform(rng, 2, 40)
    alike = rng.random() < 0.6
    ramp_in = ramp_out if alike else log_uniform(rng, 2, 40)
    hold = 0 if rng.random() < 0.25 else log_uniform(rng, 1, 35)
    return _through_colour(rng, ramp_out, hold, ramp_in, _fade_colour(rng))


def cut_then_fade_in(rng: np.random.Generator) -> Junction:
    """Cut to a plain colour, then fade in."""
    return _through_colour(rng, 0, log_uniform(rng, 1, 30), log_uniform(rng, 2, 40), _fade_colour(rng))


def fade_out_then_cut(rng: np.random.Generator) -> Junction:
    """Fade out, then cut from a plain colour."""
    return _through_colour(rng, log_uniform(rng, 2, 40), log_uniform(rng, 1, 30), 0, _fade_colour(rng))


def dip(rng: np.random.Generator) -> Junction:
    """A quick dip to black or white that need not be complete: at most four frames each way."""
    ramp = int(rng.integers(1, 5))
    return _through_colour(rng, ramp, int(rng.integers(0, 3)), ramp, _fade_colour(rng))


def plain_gap(rng: np.random.Generator) -> Junction:
    """One to six plain frames between two cuts."""
    return _through_colour(rng, 0, int(rng.integers(1, 7)), 0, _fade_colour(rng))


def flash(rng: np.random.Generator) -> Junction:
    """White light that flares up at the end of one shot and dies away over the next."""
    num_frames = int(rng.integers(2, 13))
    flare = rng.uniform(150, 400)
    lift = Shares([(np.ones(3, np.float32), 0.7), (np.array([1, 0.9, 0.7], np.float32), 0.3)]).draw(rng)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        frames = np.concatenate([outgoing, incoming])
        away = np.abs(np.arange(num_frames) - num_frames // 2) / (num_frames / 2 + 0.5)
        light = per_frame(flare * (1 - away) ** 1.5) * lift
        return rounded(frames + light)

    return halves(num_frames, render)

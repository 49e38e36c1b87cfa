"""Transitions in which the pictures move: pushes, slides, zooms, flips, glitches."""

from __future__ import annotations

import numpy as np

from curation.detect.blocks import Frames
from curation.detect.learning.draws import log_uniform, progress
from curation.detect.learning.junction import Junction, halves, overlap
from curation.detect.learning.pixels import affine, blurred, mixed, warped


def push(rng: np.random.Generator) -> Junction:
    """The incoming shot pushes the outgoing one out of the picture."""
    return _sliding(rng, outgoing_moves=True, incoming_moves=True)


def slide(rng: np.random.Generator) -> Junction:
    """The incoming shot slides over the outgoing one, or the outgoing one slides away."""
    covers = rng.random() < 0.6
    return _sliding(rng, outgoing_moves=not covers, incoming_moves=covers)


def _sliding(rng: np.random.Generator, *, outgoing_moves: bool, incoming_moves: bool) -> Junction:
    upright, backwards = rng.random(2) < (0.35, 0.5)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = progress(rng, len(outgoing))
        out, into = (_turned(frames, upright, backwards) for frames in (outgoing, incoming))
        width = out.shape[2]
        seam_px = width * (1 - share)
        if outgoing_moves:
            out = warped(out, affine(out, right_px=width - seam_px))
        if incoming_moves:
            into = warped(into, affine(into, right_px=-seam_px))
        covered = np.clip(np.arange(width) + 0.5 - seam_px[:, None], 0, 1)[:, None, :, None]
        result = _turned(mixed(out, into, covered.astype(np.float32)), False, backwards)
        return _turned(result, upright, False)

    return overlap(log_uniform(rng, 4, 40), render)


def _turned(frames: Frames, upright: bool, backwards: bool) -> Frames:
    frames = frames.transpose(0, 2, 1, 3) if upright else frames
    return frames[:, :, ::-1] if backwards else frames


def zoom(rng: np.random.Generator) -> Junction:
    """The camera rushes into one shot and out of, or on into, the other; it may spin."""
    num_frames = int(rng.integers(4, 25))
    strongest = rng.uniform(0.5, 1.6)
    onward = rng.random() < 0.6
    turn = rng.uniform(-2.5, 2.5) if rng.random() < 0.3 else 0.0
    soft = rng.uniform(0, 2.5)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        frames = np.concatenate([outgoing, incoming])
        nearness = 1 - np.abs(2 * progress(rng, num_frames) - 1)
        side = np.where(np.arange(num_frames) < num_frames // 2, 1, -1 if onward else 1)
        matrices = affine(frames, np.exp(strongest * nearness * side), turn_rad=turn * nearness * side)
        return blurred(warped(frames, matrices), (soft * nearness).tolist())

    return halves(num_frames, render)


def zoom_dissolve(rng: np.random.Generator) -> Junction:
    """A dissolve while the outgoing shot, the incoming one, or both come nearer."""
    strength = rng.uniform(0.15, 1.0)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = progress(rng, len(outgoing))
        if rng.random() < 0.7:
            outgoing = warped(outgoing, affine(outgoing, np.exp(strength * share)))
        if rng.random() < 0.7:
            incoming = warped(incoming, affine(incoming, np.exp(-strength * (1 - share))))
        return mixed(outgoing, incoming, share.reshape(-1, 1, 1, 1))

    return overlap(log_uniform(rng, 5, 40), render)


def flip(rng: np.random.Generator) -> Junction:
    """The picture turns over like a card: squeezed to a line, then wide again as the other shot."""
    num_frames = int(rng.integers(6, 25))

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        frames = np.concatenate([outgoing, incoming])
        width = frames.shape[2]
        wide = np.maximum(np.abs(np.cos(np.pi * progress(rng, num_frames))), 0.03)
        matrices = affine(frames)
        matrices = np.repeat(matrices, num_frames, 0)
        middle = (width - 1) / 2
        matrices[:, 0, 0], matrices[:, 0, 2] = 1 / wide, middle * (1 - 1 / wide)
        shown = np.abs(np.arange(width) - middle) <= wide[:, None] * width / 2
        result = warped(frames, matrices)
        result *= shown[:, None, :, None]
        return result

    return halves(num_frames, render)


def mosaic(rng: np.random.Generator) -> Junction:
    """A dissolve through coarser and coarser pixels."""
    import cv2

    coarsest = rng.uniform(4, 12)

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        share = progress(rng, len(outgoing))
        result = mixed(outgoing, incoming, share.reshape(-1, 1, 1, 1))
        height, width = result.shape[1:3]
        for index, frame in enumerate(result):
            block_px = 1 + coarsest * (1 - abs(2 * float(share[index]) - 1))
            size = max(2, round(width / block_px)), max(2, round(height / block_px))
            coarse = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
            result[index] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
        return result

    return overlap(log_uniform(rng, 6, 30), render)


def glitch(rng: np.random.Generator) -> Junction:
    """Torn rows, split colours and frames of either shot, as of a damaged tape."""
    num_frames = int(rng.integers(2, 11))

    def render(outgoing: Frames, incoming: Frames) -> Frames:
        late = rng.random(num_frames) < progress(rng, num_frames)
        return torn(rng, np.where(late[:, None, None, None], incoming, outgoing))

    return overlap(num_frames, render)


def torn(rng: np.random.Generator, frames: Frames) -> Frames:
    """Bands of rows shifted sideways and channels pulled apart, anew in each frame."""
    result = np.empty_like(frames, order="C")
    height = frames.shape[1]
    for index, frame in enumerate(frames):
        shifts = np.zeros(height, int)
        for _ in range(int(rng.integers(1, 5))):
            top = int(rng.integers(0, height))
            shifts[top : top + int(rng.integers(2, 12))] = int(rng.integers(-20, 21))
        columns = (np.arange(frame.shape[1])[None] + shifts[:, None]) % frame.shape[1]
        split = int(rng.integers(-4, 5))
        result[index] = frame[np.arange(height)[:, None], columns]
        result[index, ..., 0] = np.roll(result[index, ..., 0], split, axis=1)
    return result

"""Arithmetic on stacks of small pictures, uint8 [frames, height, width, 3]."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from curation.detect.blocks import Frames
from curation.detect.pictures import Floats


def per_frame(values: npt.ArrayLike) -> Floats:
    """Values of frames, shaped to multiply a stack."""
    return np.asarray(values, np.float32).reshape(-1, 1, 1, 1)


def rounded(values: Floats) -> Frames:
    """Levels as uint8; those outside 0..255 are clipped."""
    result: Frames = np.clip(values + np.float32(0.5), 0, 255).astype(np.uint8)
    return result


def mixed(first: Frames | Floats, second: Frames | Floats, share: Floats | float) -> Frames:
    """`share` (0..1) of the second and the rest of the first; all broadcast against each other."""
    base = np.asarray(first, np.float32)
    change: Floats = np.multiply(np.subtract(second, base, dtype=np.float32), share, dtype=np.float32)
    change += base
    return rounded(change)


def scaled(frames: Frames, gain: npt.ArrayLike, offset: npt.ArrayLike = 0.0) -> Frames:
    """Levels times `gain` plus `offset`, both shaped to broadcast against the stack."""
    result: Floats = np.multiply(frames, gain, dtype=np.float32)
    result += np.asarray(offset, np.float32)
    return rounded(result)


def looked_up(frames: Frames, table: Frames) -> Frames:
    """Levels replaced by a table [256] or one per channel [256, 3]."""
    import cv2

    flat = np.ascontiguousarray(frames).reshape(-1, frames.shape[-2], 3)
    if table.ndim == 2:
        table = table.reshape(1, 256, 3)
    result: Frames = cv2.LUT(flat, table).reshape(frames.shape)
    return result


def warped(frames: Frames, matrices: npt.NDArray[np.float64], wrap: bool = False) -> Frames:
    """Each frame seen through a 2x3 affine matrix, [2, 3] for all or [frames, 2, 3].

    A matrix takes pixels of the result to pixels of the source; beyond its edges a picture goes on as
    its mirror image, or, with `wrap`, from its other side.
    """
    import cv2

    height, width = frames.shape[1:3]
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REFLECT_101
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    each = np.broadcast_to(matrices, (len(frames), 2, 3))
    result = np.empty_like(frames, order="C")
    for index, frame in enumerate(frames):
        result[index] = cv2.warpAffine(
            np.ascontiguousarray(frame), each[index], (width, height), flags=flags, borderMode=border
        )
    return result


def affine(
    frames: Frames,
    zoom: npt.ArrayLike = 1.0,
    right_px: npt.ArrayLike = 0.0,
    down_px: npt.ArrayLike = 0.0,
    turn_rad: npt.ArrayLike = 0.0,
) -> npt.NDArray[np.float64]:
    """Matrices for `warped` about the middle of the picture, from values for all frames or for each.

    `zoom` above 1 enlarges; `right_px` and `down_px` are how far the view, not the content, moves.
    """
    height, width = frames.shape[1:3]
    zoom, right, down, turn = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(value, np.float64)) for value in (zoom, right_px, down_px, turn_rad))
    )
    cos, sin = np.cos(turn) / zoom, np.sin(turn) / zoom
    x, y = (width - 1) / 2, (height - 1) / 2
    rows = [[cos, -sin, x - cos * x + sin * y + right], [sin, cos, y - sin * x - cos * y + down]]
    return np.moveaxis(np.array(rows), -1, 0)


def blurred(frames: Frames, sigmas: Iterable[float], across: Iterable[float] | None = None) -> Frames:
    """Each frame blurred by its own sigma in px; `across` is for the vertical, if it differs."""
    import cv2

    result = np.empty_like(frames, order="C")
    sigmas = list(sigmas)
    for index, (frame, x, y) in enumerate(zip(frames, sigmas, across or sigmas, strict=True)):
        if x < 0.2 and y < 0.2:
            result[index] = frame
        else:
            size = (2 * min(23, round(2 * x)) + 1, 2 * min(13, round(2 * y)) + 1)
            result[index] = cv2.GaussianBlur(
                np.ascontiguousarray(frame), size, max(x, 0.01), sigmaY=max(y, 0.01)
            )
    return result


def grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Coordinates x [1, width] and y [height, 1] over the picture, from -1 to 1."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return x, y


def smooth_noise(rng: np.random.Generator, height: int, width: int, cells: int) -> Floats:
    """A field [height, width] in 0..1 with blobs of about a `cells`-th of the width."""
    import cv2

    coarse = rng.random((max(2, cells * height // width + 1), cells + 1), np.float32)
    field: Floats = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    field -= field.min()
    return field / max(float(field.max()), 1e-6)


def colour(rng: np.random.Generator) -> Floats:
    """Any colour, [3] in 0..255: greys and saturated ones alike."""
    grey = rng.uniform(0, 255)
    result: Floats = np.clip(grey + rng.uniform(0, 1) * rng.uniform(-160, 160, 3), 0, 255).astype(np.float32)
    return result

"""A shard set of drawn clips in the training form, packed by our own stages."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.loader_data import SIZES, TRAINING, Dataset, make_dataset

FRAMES_PER_S = 24
KEYFRAME_EVERY = FRAMES_PER_S // 2
GRAIN = 3.0
"""Deviation of the noise of each frame, in steps of 8 bits: without it drawn clips decode too easily."""


def make_drawn_shards(folder: Path, *, clips: int, clip_s: float, samples: int, shards: int) -> Dataset:
    """`samples` samples of `clips` distinct clips."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"drawn{number}.mp4" for number in range(clips)]
    for number, path in enumerate(paths):
        _encode(draw_clip(number, round(clip_s * FRAMES_PER_S)), path)
    return make_dataset(paths, folder, num_samples=samples, num_shards=shards)


def draw_clip(number: int, num_frames: int) -> NDArray[np.uint8]:
    """Blurred texture that drifts, and grain on it: uint8 [T, H, W, 3]; the number decides all."""
    random = np.random.default_rng(number)
    width, height = SIZES[TRAINING]
    texture = sum(_noise(random, cell_px, (height, width)) for cell_px in (4, 16, 64))
    down, right = random.integers(-3, 4, size=2)
    frames = []
    for time in range(num_frames):
        moved = np.roll(texture, (time * down, time * right), (0, 1))
        grain = random.normal(0, GRAIN, size=(height, width, 1))
        frames.append((128 + 25 * moved + grain).clip(0, 255).astype(np.uint8))
    return np.stack(frames)


def _noise(random: np.random.Generator, cell_px: int, size: tuple[int, int]) -> NDArray[np.float64]:
    """Noise in cells of so many pixels, blended from one to the next: [H, W, 3]."""
    height, width = size
    cells = random.normal(size=(-(-height // cell_px), -(-width // cell_px), 3))
    coarse = cells.repeat(cell_px, 0).repeat(cell_px, 1)[:height, :width]
    return sum(np.roll(coarse, shift, axis) for axis in (0, 1) for shift in (0, cell_px // 2)) / 4


def _encode(frames: NDArray[np.uint8], path: Path) -> None:
    """H.264 as the cut stage encodes the training form."""
    options = {"preset": "veryfast", "tune": "fastdecode", "crf": "23", "bf": "0"}
    options |= {"g": str(KEYFRAME_EVERY), "keyint_min": str(KEYFRAME_EVERY), "sc_threshold": "0"}
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_S, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
